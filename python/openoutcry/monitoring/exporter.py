"""Serves what the observer knows: /metrics for Prometheus, /status as JSON, /healthz."""

import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from openoutcry.domain.errors import ConfigurationError
from openoutcry.domain.units import TimestampNs
from openoutcry.monitoring.catalogue import CATALOGUE, LATENCY_HELP, LATENCY_NAME
from openoutcry.monitoring.observer import Observer, Sample

REQUEST_TIMEOUT_S: Final = 5
CLOSE_TIMEOUT_S: Final = 5.0
METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
JSON_TYPE: Final = "application/json"
_LOCAL_NAMES: Final = ("127.0.0.1", "localhost", "::1")
_US_PER_S: Final = 1_000_000

Clock = Callable[[], int]


class ObserverCollector(Collector):
    """The observer's figures in Prometheus' form, gathered when it asks."""

    def __init__(self, observer: Observer, wall_ns: Clock = time.time_ns) -> None:
        self._observer = observer
        self._wall_ns = wall_ns

    def collect(self) -> Iterable[Metric]:
        """Every metric of the catalogue that has a value, then the latencies."""
        samples: dict[str, list[Sample]] = {}
        for sample in self._observer.samples(TimestampNs(self._wall_ns())):
            samples.setdefault(sample.metric.name, []).append(sample)
        for metric in CATALOGUE:
            if metric.name not in samples:
                continue
            labels = ("role", metric.label) if metric.label else ("role",)
            family: CounterMetricFamily | GaugeMetricFamily = (
                CounterMetricFamily(metric.name, metric.help, labels=labels)
                if metric.kind == "counter"
                else GaugeMetricFamily(metric.name, metric.help, labels=labels)
            )
            for sample in samples[metric.name]:
                family.add_metric((sample.role, sample.label_value)[: len(labels)], sample.value)
            yield family
        yield self._latencies()

    def _latencies(self) -> Metric:
        """Cumulative buckets without a sum: the counts do not know it, and a guess would pass for a fact."""
        family = HistogramMetricFamily(LATENCY_NAME, LATENCY_HELP, labels=("source", "destination"))
        for hop, histogram in self._observer.latencies().items():
            source, _, destination = hop.partition(">")
            total, buckets = 0, []
            for index, count in enumerate(histogram.counts[:-1]):
                total += count
                buckets.append((str((1 << index) / _US_PER_S), total))
            buckets.append(("+Inf", histogram.total))
            family.add_metric((source, destination), buckets, sum_value=None)
        return family


class MonitoringServer:
    """A small HTTP server in a thread of its own. Reading changes nothing, so it takes GET only."""

    def __init__(
        self, observer: Observer, *, host: str = "127.0.0.1", port: int = 0, wall_ns: Clock = time.time_ns
    ) -> None:
        """Listen at once; port 0 takes a free one.

        Raises:
            ConfigurationError: the port is in use or the host is not ours.
        """
        registry = CollectorRegistry(auto_describe=False)
        registry.register(ObserverCollector(observer, wall_ns))
        handler = _handler(observer, registry, wall_ns, allowed_names=(*_LOCAL_NAMES, host))
        try:
            self._server = _Server((host, port), handler)
        except OSError as error:
            raise ConfigurationError(
                f"monitoring cannot listen on {host}:{port} ({error.strerror or error}); "
                "give another monitoring.port, or 0 for any free one"
            ) from error
        self.url: Final = f"http://{host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="monitoring", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and end the thread."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(CLOSE_TIMEOUT_S)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


def _handler(
    observer: Observer, registry: CollectorRegistry, wall_ns: Clock, *, allowed_names: tuple[str, ...]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_TIMEOUT_S

        def do_GET(self) -> None:
            # A page of a stranger's name that resolves to this host must not read what we hold.
            if (urlsplit(f"//{self.headers.get('Host', '')}").hostname or "") not in allowed_names:
                self._answer(HTTPStatus.FORBIDDEN, JSON_TYPE, b'{"error":"unknown host name"}')
                return
            now_ns = TimestampNs(wall_ns())
            match urlsplit(self.path).path:
                case "/metrics":
                    self._answer(HTTPStatus.OK, METRICS_TYPE, generate_latest(registry))
                case "/status":
                    body = msgspec.json.encode(observer.status(now_ns), enc_hook=str)
                    self._answer(HTTPStatus.OK, JSON_TYPE, body)
                case "/healthz":
                    troubles = observer.troubles(now_ns)
                    body = msgspec.json.encode({"is_healthy": not troubles, "troubles": troubles})
                    status = HTTPStatus.SERVICE_UNAVAILABLE if troubles else HTTPStatus.OK
                    self._answer(status, JSON_TYPE, body)
                case _:
                    body = b'{"error":"known paths: /metrics, /status, /healthz"}'
                    self._answer(HTTPStatus.NOT_FOUND, JSON_TYPE, body)

        def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's signature
            del format, args  # scrapes are not worth a line

    return Handler
