"""The settings: one TOML file for backtest, paper and live, checked before anything starts.

Each section is the settings class of the part that it is for. Settings hold no secrets: they are hashed, kept
in a run's record and sent to every actor.
"""

import hashlib
import ipaddress
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec

from openoutcry.assembly.backtest_settings import BacktestSettings
from openoutcry.assembly.simulation_settings import SimulationSettings
from openoutcry.assembly.transport_settings import TransportSettings
from openoutcry.domain.errors import ConfigurationError, OpenOutcryError
from openoutcry.domain.units import NS_PER_MS, NS_PER_S
from openoutcry.exchanges.venue_settings import VenueSettings
from openoutcry.execution.turn import DeskSettings as ExecutionSettings
from openoutcry.ingestion.settings import BookSettings, FeedSettings
from openoutcry.plugins.loader import Plugins
from openoutcry.plugins.registry import did_you_mean
from openoutcry.risk_management.limits import RiskLimits
from openoutcry.strategies.desk import DeskSettings as IntentSettings

Mode = Literal["backtest", "paper", "live"]

MAX_FILE_BYTES: Final = 1024 * 1024
MAX_SYMBOLS: Final = 16
MAX_CLASSIFIERS: Final = 64
MAX_PORT: Final = 65_535
MAX_BATCH_MESSAGES: Final = 10_000
MAX_JOURNAL_DELAY_MS: Final = 10_000
MAX_SEED: Final = 2**63 - 1

_DERIVED: Final = "feed.symbol"  # follows from `symbols`

DeploymentId = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_]{1,12}$")]  # it begins every order id
Symbol = Annotated[str, msgspec.Meta(pattern="^[A-Z0-9]{1,20}/[A-Z0-9]{1,20}(:[A-Z0-9]{1,20})?$")]
Parameters = dict[str, bool | int | float | str | list[dict[str, Any]]]  # tables: a combination's members


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A section that belongs to no part of its own."""


class ClassifierSettings(_Section, frozen=True):
    """One voter of the ensemble, by its registered name."""

    name: str
    weight: Annotated[float, msgspec.Meta(ge=0.0, le=1_000.0)] = 1.0
    parameters: Parameters = {}


class EnsembleSettings(_Section, frozen=True):
    """When the ensemble abstains."""

    min_votes: Annotated[int, msgspec.Meta(ge=1, le=MAX_CLASSIFIERS)] = 1
    min_confidence: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.4


class StrategySettings(_Section, frozen=True):
    """The strategy by its registered name, and how its wishes become intents."""

    name: str = "moving-average-cross"
    parameters: Parameters = {}
    intents: IntentSettings = IntentSettings()


class JournalSettings(_Section, frozen=True):
    """How the decision journal batches. The order journal has no such choice: it syncs every write."""

    batch_messages: Annotated[int, msgspec.Meta(ge=1, le=MAX_BATCH_MESSAGES)] = 256
    delay_ms: Annotated[int, msgspec.Meta(ge=1, le=MAX_JOURNAL_DELAY_MS)] = 200


class MonitoringSettings(_Section, frozen=True):
    """Where /metrics, /status and /healthz are served. Port 0 takes any free one.

    They say what is held and traded, to whoever asks: a host that is not loopback needs `allow_public`.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=MAX_PORT)] = 0
    allow_public: bool = False
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class PathSettings(_Section, frozen=True):
    """Where state is kept; empty stands for $OPENOUTCRY_STATE_DIR or the user's own folder."""

    state_dir: str = ""


class Settings(_Section, frozen=True):
    """Everything that a run is told."""

    mode: Mode = "paper"
    deployment_id: DeploymentId = "paper"
    symbols: Annotated[tuple[Symbol, ...], msgspec.Meta(min_length=1, max_length=MAX_SYMBOLS)] = ("BTC/USDT",)
    seed: Annotated[int, msgspec.Meta(ge=0, le=MAX_SEED)] = 0
    plugins: tuple[str, ...] = ()  # those without which the run must not start
    venue: VenueSettings = VenueSettings()
    feed: FeedSettings = FeedSettings(symbol="BTC/USDT")  # its symbol is always the first of `symbols`
    books: BookSettings = BookSettings()
    classifiers: Annotated[
        tuple[ClassifierSettings, ...], msgspec.Meta(min_length=1, max_length=MAX_CLASSIFIERS)
    ] = (ClassifierSettings(name="talib-patterns"), ClassifierSettings(name="moving-average-rsi"))
    ensemble: EnsembleSettings = EnsembleSettings()
    strategy: StrategySettings = StrategySettings()
    risk: RiskLimits = RiskLimits()
    # The desk waits longer than the venue's client, so that the client's word comes first.
    execution: ExecutionSettings = ExecutionSettings(answer_timeout_ns=15 * NS_PER_S)
    journal: JournalSettings = JournalSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    transport: TransportSettings = TransportSettings()
    paths: PathSettings = PathSettings()
    backtest: BacktestSettings = BacktestSettings()
    simulation: SimulationSettings = SimulationSettings()

    def feed_of(self, symbol: str) -> FeedSettings:
        """The feed's settings for one of the symbols."""
        return msgspec.structs.replace(self.feed, symbol=symbol)


def load_settings(path: Path | None = None, overrides: Mapping[str, object] | None = None) -> Settings:
    """The settings of a file, on top of the defaults, with `overrides` (dotted key: value) on top of both.

    Raises:
        ConfigurationError: the file cannot be read, or a key, a type or a value is wrong; it names the file,
            the key, what was found, and what may stand there.
    """
    origin = str(path) if path else "the settings"
    given = _read(path) if path else {}
    _check_keys(given, Settings, origin, "")
    for key, value in (overrides or {}).items():
        change: dict[str, Any] = {}
        _put(change, key, value)
        _check_keys(change, Settings, f"override {key}", "")
        given = _merged(given, change)
    if overrides:
        origin += f" with {', '.join(overrides)} overridden"
    feed = given.get("feed")
    if isinstance(feed, dict) and "symbol" in feed:
        raise ConfigurationError(f"{origin}: {_DERIVED}: is taken from `symbols`; name the symbol there")
    settings = _convert(_merged(msgspec.to_builtins(Settings()), given), given, origin)
    settings = msgspec.structs.replace(settings, feed=settings.feed_of(settings.symbols[0]))
    _check_sense(settings, origin)
    return settings


def encode_settings(settings: Settings) -> bytes:
    """The settings as canonical JSON: what travels to an actor, and what is hashed."""
    return msgspec.json.encode(settings, order="sorted")


def decode_settings(data: bytes) -> Settings:
    """Read what `encode_settings` wrote.

    Raises:
        ConfigurationError: another version wrote it.
    """
    try:
        return msgspec.json.decode(data, type=Settings)
    except msgspec.MsgspecError as error:
        raise ConfigurationError(
            f"the settings were written by another version ({error}); start the run anew"
        ) from error


def config_hash(settings: Settings) -> str:
    """SHA-256 of the canonical form, in hexadecimal."""
    return hashlib.sha256(encode_settings(settings)).hexdigest()


def check_names(settings: Settings, plugins: Plugins | None = None, origin: str = "the settings") -> None:
    """Check that the classifiers and the strategy exist and take their parameters, by making each once.

    Raises:
        ConfigurationError: names the key, and the nearest name or parameter; or the strategy needs what a
            run in the settings' mode cannot show it.
    """
    from openoutcry.models.shipped import classifier_registry  # noqa: PLC0415  loads TA-Lib
    from openoutcry.strategies.serving import check_live_serves  # noqa: PLC0415
    from openoutcry.strategies.shipped import strategy_registry  # noqa: PLC0415

    if plugins is None:
        plugins = Plugins()
        plugins.load_installed()
    plugins.require(settings.plugins)
    classifiers, strategies = classifier_registry(plugins), strategy_registry(plugins)
    names = set()
    for index, each in enumerate(settings.classifiers):
        try:
            names.add(classifiers.create(each.name, each.parameters).name)
        except OpenOutcryError as error:
            raise ConfigurationError(f"{origin}: classifiers[{index}]: {error}") from error
    if len(names) < len(settings.classifiers):
        raise ConfigurationError(
            f"{origin}: classifiers: two have the same name; each votes once, remove one"
        )
    try:
        strategy = strategies.create(settings.strategy.name, settings.strategy.parameters)
        if settings.mode != "backtest":
            check_live_serves(strategy)
    except OpenOutcryError as error:
        raise ConfigurationError(f"{origin}: strategy: {error}") from error


def check_orders_go(settings: Settings, *, live: bool) -> None:
    """Fail closed on where orders would go: real money needs mode `live` and the operator's word besides.

    Raises:
        ConfigurationError: mode `live` without `live`, or the other way round; or a mode that is not `live`
            whose private URLs are the venue's own (empty) or not on this host.
    """
    if live != (settings.mode == "live"):
        raise ConfigurationError(
            f"mode is {settings.mode!r} but the run was started {'with' if live else 'without'} --live; "
            "real orders need both, everything else neither"
        )
    if settings.mode == "backtest":
        raise ConfigurationError("mode is 'backtest', which `run` and `demo` do not do; set mode = \"paper\"")
    if settings.mode == "live":
        return
    for name in ("rest_url", "ws_api_url"):
        url = getattr(settings.venue, name)
        if not is_loopback(urlsplit(url).hostname or ""):
            raise ConfigurationError(
                f"venue.{name} is {url!r} (empty: the venue's own); in mode {settings.mode!r} orders may "
                "only go to this host; give the local exchange's address (`openoutcry exchange` prints it)"
            )


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this host's own, without asking a name server."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def setting_lines(settings: Settings) -> Iterator[tuple[str, object]]:
    """Every setting as (dotted key, value), in the order of the classes: what a file could say."""
    for key, value in _flat(msgspec.to_builtins(settings), ""):
        if key != _DERIVED:
            yield key, value


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _read(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read ({error.strerror}); give the path of a TOML file"
        ) from error
    if len(content) > MAX_FILE_BYTES:
        raise ConfigurationError(f"{path} has {len(content)} bytes; settings have at most {MAX_FILE_BYTES}")
    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}; correct that place") from error


def _put(tree: dict[str, Any], dotted: str, value: object) -> None:
    *sections, last = dotted.split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
    tree[last] = value


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` on top of `below`: sections are merged, everything else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        under = below.get(key)
        merged[key] = _merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def _check_keys(values: Mapping[str, Any], kind: type[msgspec.Struct], origin: str, prefix: str) -> None:
    """Refuse keys that no setting has, and the floats that TOML allows but no limit survives (nan, inf)."""
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in values.items():
        if key not in fields:
            what = "section" if isinstance(value, dict) else "key"
            raise ConfigurationError(f"{origin}: {prefix}{key}: unknown {what}; {did_you_mean(key, fields)}")
        _refuse_infinite(value, origin, f"{prefix}{key}")
        inner = _struct_of(fields[key])
        if inner is None:
            continue
        if isinstance(value, dict):
            _check_keys(value, inner, origin, f"{prefix}{key}.")
        for index, each in enumerate(value if isinstance(value, list) else ()):
            if isinstance(each, dict):
                _check_keys(each, inner, origin, f"{prefix}{key}[{index}].")


def _struct_of(annotation: object) -> type[msgspec.Struct] | None:
    """The section class of a setting, or of the elements of a list of sections."""
    info = msgspec.inspect.type_info(annotation)
    if isinstance(info, msgspec.inspect.VarTupleType):
        info = info.item_type
    return info.cls if isinstance(info, msgspec.inspect.StructType) else None


def _refuse_infinite(value: object, origin: str, key: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigurationError(f"{origin}: {key}: {value} is not finite; give a number")
    if isinstance(value, dict):
        for name, each in value.items():
            _refuse_infinite(each, origin, f"{key}.{name}")
    for index, each in enumerate(value if isinstance(value, list) else ()):
        _refuse_infinite(each, origin, f"{key}[{index}]")


_PLACE: Final = re.compile(r" - at `\$\.?(?P<path>.*)`$")


def _convert(values: dict[str, Any], given: Mapping[str, Any], origin: str) -> Settings:
    try:
        return msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        text = str(error)
        place = _PLACE.search(text)
        key = place["path"] if place else ""
        what = _PLACE.sub("", text)
        raise ConfigurationError(
            f"{origin}: {key}: found {_found(values, key)}; {what}{_allowed(key)}"
        ) from error
    except OpenOutcryError as error:  # a section's own check; it names the key itself
        sections = ", ".join(f"[{key}]" for key, value in given.items() if isinstance(value, dict))
        raise ConfigurationError(f"{origin}: {sections}: {error}") from error


def _steps(key: str) -> list[str]:
    return [step for step in re.split(r"[.\[\]]+", key) if step]


def _found(values: Any, key: str) -> str:
    for step in _steps(key):
        if step == "...":  # msgspec does not say which entry of a table of free keys
            break
        values = values[int(step)] if isinstance(values, list) else values.get(step, "nothing")
    return repr(values)


def _allowed(key: str) -> str:
    """The whole range of a setting in words, since an error names only the end that was passed."""
    kind: type[msgspec.Struct] | None = Settings
    info: Any = None
    for step in _steps(key):
        if step.isdigit():
            continue
        fields = {field.name: field.type for field in msgspec.structs.fields(kind)} if kind else {}
        if step not in fields:
            break
        info, kind = msgspec.inspect.type_info(fields[step]), _struct_of(fields[step])
    if isinstance(info, msgspec.inspect.IntType | msgspec.inspect.FloatType) and info.ge is not None:
        return f" (allowed: {info.ge} to {info.le if info.le is not None else 'any'})"
    if isinstance(info, msgspec.inspect.LiteralType):
        return f" (allowed: {', '.join(map(str, info.values))})"
    return ""


def _check_sense(settings: Settings, origin: str) -> None:
    """What no single key can tell."""
    monitoring, venue, execution = settings.monitoring, settings.venue, settings.execution
    if not is_loopback(monitoring.host) and not monitoring.allow_public:
        raise ConfigurationError(
            f"{origin}: monitoring.host: {monitoring.host!r} can be reached from other hosts; "
            "give 127.0.0.1, or set monitoring.allow_public = true"
        )
    if execution.answer_timeout_ns <= venue.request_timeout_ms * NS_PER_MS:
        raise ConfigurationError(
            f"{origin}: execution.answer_timeout_ns: {execution.answer_timeout_ns} is no longer than "
            f"venue.request_timeout_ms ({venue.request_timeout_ms}); give more: the client's word comes first"
        )
    if execution.recv_window_ns < venue.receive_window_ms * NS_PER_MS:
        raise ConfigurationError(
            f"{origin}: execution.recv_window_ns: {execution.recv_window_ns} is shorter than "
            f"venue.receive_window_ms ({venue.receive_window_ms}): a late order could be taken for absent; "
            "give at least that"
        )
    if len(set(settings.symbols)) < len(settings.symbols):
        raise ConfigurationError(f"{origin}: symbols: one is named twice; name each once")
    if settings.ensemble.min_votes > len(settings.classifiers):
        raise ConfigurationError(
            f"{origin}: ensemble.min_votes: {settings.ensemble.min_votes} votes can never come from "
            f"{len(settings.classifiers)} classifiers; lower it or add classifiers"
        )
