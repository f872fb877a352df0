//! One record in three ways: our segment, iceoryx2's blackboard, and its publish-subscribe with a history of one.

use std::path::Path;
use std::time::Duration;

use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::reader::{EntryHandle, Reader};
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::port::writer::{EntryHandleMut, Writer};
use iceoryx2::prelude::*;
use openoutcry_shm::book::{BookDraft, BookPublisher, BookReader, Health, LastTrade};

/// Levels a side.
pub const DEPTH: usize = 20;
/// Features.
pub const FEATURES: usize = 6;
/// The length of a record with so many of both.
pub const RECORD_WORDS: usize = 12 + 4 * DEPTH + FEATURES;
/// A writer that only reading is timed against says nothing for longer than a second.
const HEARTBEAT_TIMEOUT: Duration = Duration::MAX;

const VENUE: &str = "binance";
const KEY: u64 = 0;

/// What iceoryx2 carries: as many words as our record.
#[derive(Clone, Copy, Debug, ZeroCopySend)]
#[repr(C)]
pub struct Record(pub [u64; RECORD_WORDS]);

/// A record whose every word tells its number.
pub fn record(number: u64) -> Record {
    Record([number; RECORD_WORDS])
}

/// The same as a draft of ours.
pub fn fill(draft: &mut BookDraft, number: u64) {
    let number = number as i64;
    draft.set_health(&Health {
        is_valid: true,
        event_ns: number,
        depth_received_ns: number,
        trade_received_ns: number,
        published_ns: number,
        last_update_id: number,
    });
    draft.set_trade(&LastTrade {
        id: number,
        price_ticks: number,
        size_lots: number,
        trade_ns: number,
        taker_bought: true,
    });
    draft.set_bids((0..DEPTH as i64).map(|rank| (number - rank, number)));
    draft.set_asks((0..DEPTH as i64).map(|rank| (number + rank, number)));
    draft.set_features(&[number as f64; FEATURES]);
}

/// Ours: a writer of `instruments` books.
pub fn our_writer(folder: &Path, instruments: usize) -> BookPublisher {
    let names = |what: &str, count| {
        (0..count)
            .map(|each| format!("{what}{each}"))
            .collect::<Vec<_>>()
    };
    let (instruments, features) = (names("I", instruments), names("f", FEATURES));
    BookPublisher::create(folder, VENUE, &instruments, DEPTH, &features).expect("a publisher")
}

/// Ours: a reader.
pub fn our_reader(folder: &Path) -> BookReader {
    BookReader::open(folder, VENUE, HEARTBEAT_TIMEOUT).expect("a reader")
}

/// A node of iceoryx2.
pub fn node() -> Node<ipc::Service> {
    set_log_level(LogLevel::Fatal);
    NodeBuilder::new().create::<ipc::Service>().expect("a node")
}

/// A name that no other run uses.
pub fn service_name(what: &str) -> ServiceName {
    let name = format!("openoutcry/{what}/{}", std::process::id());
    name.as_str().try_into().expect("a name")
}

type Mutable = EntryHandleMut<ipc::Service, u64, Record>;
type Readable = EntryHandle<ipc::Service, u64, Record>;

/// A blackboard with one entry, its writer's handle and a reader's.
pub fn blackboard(
    node: &Node<ipc::Service>,
    name: &ServiceName,
) -> (
    Writer<ipc::Service, u64>,
    Mutable,
    Reader<ipc::Service, u64>,
    Readable,
) {
    let service = node
        .service_builder(name)
        .blackboard_creator::<u64>()
        .add::<Record>(KEY, record(0))
        .create()
        .expect("a blackboard");
    let writer = service.writer_builder().create().expect("a writer");
    let mutable = writer.entry::<Record>(&KEY).expect("the entry");
    let reader = service.reader_builder().create().expect("a reader");
    let readable = reader.entry::<Record>(&KEY).expect("the entry");
    (writer, mutable, reader, readable)
}

/// Publish and subscribe, keeping the newest only.
pub fn history_of_one(
    node: &Node<ipc::Service>,
    name: &ServiceName,
) -> (
    Publisher<ipc::Service, Record, ()>,
    Subscriber<ipc::Service, Record, ()>,
) {
    let service = node
        .service_builder(name)
        .publish_subscribe::<Record>()
        .history_size(1)
        .subscriber_max_buffer_size(1)
        .enable_safe_overflow(true)
        .create()
        .expect("a service");
    let subscriber = service.subscriber_builder().create().expect("a subscriber");
    (
        service.publisher_builder().create().expect("a publisher"),
        subscriber,
    )
}
