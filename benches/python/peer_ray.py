"""Two actors of Ray: processes of a cluster of one host."""

import ray
from peer import Tally, round_trips_ns, send_all


class Echo:
    def take(self, message):
        return message


class Consumer:
    def __init__(self):
        self._tally = Tally()

    def take(self, message):
        self._tally.take(message)

    def tally(self):
        return self._tally.count, self._tally.ns_per_message


class Caller:
    def round_trips_ns(self, echo, count):
        return round_trips_ns(lambda message: ray.get(echo.take.remote(message)), count)

    def send_all(self, consumer, count):
        send_all(consumer.take.remote, count)


class Peer:
    def __init__(self, folder):
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            configure_logging=False,
            log_to_driver=False,
            object_store_memory=100 * 2**20,
            _temp_dir=str(folder),
        )

    def round_trips_ns(self, count):
        caller, echo = ray.remote(Caller).remote(), ray.remote(Echo).remote()
        return ray.get(caller.round_trips_ns.remote(echo, count))

    def ns_per_message(self, count):
        producer, consumer = ray.remote(Caller).remote(), ray.remote(Consumer).remote()
        ray.get(producer.send_all.remote(consumer, count))
        received = 0
        while received < count:
            received, ns_per_message = ray.get(consumer.tally.remote())
        return ns_per_message

    def close(self):
        ray.shutdown()
