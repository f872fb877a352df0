"""iceoryx2's blackboard, by its wheel: the latest value of a record as large as ours, read and updated."""

import ctypes
import json
import time

import iceoryx2

CALLS = 20_000
WORDS = 98
"""20 levels a side, 6 features and 12 words besides."""


class Record(ctypes.Structure):
    _fields_ = (("words", ctypes.c_int64 * WORDS),)


class Blackboard:
    units = CALLS

    def __init__(self, folder):
        iceoryx2.set_log_level(iceoryx2.LogLevel.Fatal)
        self.node = iceoryx2.NodeBuilder.new().create(iceoryx2.ServiceType.Ipc)
        name = iceoryx2.ServiceName.new(f"openoutcry-bench/{folder.name}/{type(self).__name__}")
        key = ctypes.c_uint64(0)
        creator = self.node.service_builder(name).blackboard_creator(ctypes.c_uint64)
        self.service = creator.add(key, Record()).create()
        self.writer = self.service.writer_builder().create()
        self.mutable = self.writer.entry(key, Record)
        self.reader = self.service.reader_builder().create()
        self.entry = self.reader.entry(key, Record)
        self.record = Record()
        self.record.words[:4] = json.loads((folder / "touch.json").read_text())
        self.mutable.update_with_copy(self.record)

    def state(self):
        return list(self.entry.get().decode_as(Record).words[:4])


class Read(Blackboard):
    def round(self):
        get = self.entry.get
        start_ns = time.thread_time_ns()
        for _ in range(CALLS):
            get().decode_as(Record)
        return time.thread_time_ns() - start_ns


class Update(Blackboard):
    def round(self):
        update, record = self.mutable.update_with_copy, self.record
        start_ns = time.thread_time_ns()
        for _ in range(CALLS):
            update(record)
        return time.thread_time_ns() - start_ns
