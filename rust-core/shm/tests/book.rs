//! Books in shared memory: what a reader is told, whose segments are trusted, and who may write.

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use openoutcry_shm::book::{
    BookDraft, BookPublisher, BookReader, DEPTH_MAX, Health, LastTrade, Outcome, SegmentError,
    Writer, clean, field, flag,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tempfile::TempDir;

const DEPTH: usize = 3;
const FEATURES: [&str; 2] = ["spread_ticks", "imbalance_1"];
const NEVER: Duration = Duration::MAX;
const ALWAYS: Duration = Duration::ZERO;
const CREATORS: usize = 8;
const ROUNDS: usize = 8;
const PUBLICATIONS: u64 = 20_000;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("books")
    }

    fn segment(&self) -> PathBuf {
        self.path().join("binance.book")
    }

    fn publisher(&self) -> BookPublisher {
        self.try_publisher().expect("a publisher")
    }

    fn try_publisher(&self) -> Result<BookPublisher, SegmentError> {
        let names = ["BTC/USDT".to_owned(), "ETH/USDT".to_owned()];
        BookPublisher::create(
            &self.path(),
            "binance",
            &names,
            DEPTH,
            &FEATURES.map(str::to_owned),
        )
    }

    fn reader(&self, heartbeat_timeout: Duration) -> BookReader {
        self.try_reader(heartbeat_timeout).expect("a reader")
    }

    fn try_reader(&self, heartbeat_timeout: Duration) -> Result<BookReader, SegmentError> {
        BookReader::open(&self.path(), "binance", heartbeat_timeout)
    }

    /// A segment as a writer leaves it that is killed: nobody holds its lock.
    fn abandoned(&self) {
        let publisher = self.publisher();
        let content = fs::read(self.segment()).expect("read");
        drop(publisher);
        fs::write(self.segment(), content).expect("written");
        fs::set_permissions(self.segment(), Permissions::from_mode(0o600)).expect("private");
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).expect("the folder");
        entries
            .map(|entry| {
                let name = entry.expect("an entry").file_name();
                name.to_string_lossy().into_owned()
            })
            .collect()
    }
}

fn fill(draft: &mut BookDraft, number: i64) {
    draft.set_health(&Health {
        is_valid: true,
        event_ns: number,
        depth_received_ns: number + 1,
        trade_received_ns: number + 2,
        published_ns: number + 3,
        last_update_id: number + 4,
    });
    draft.set_trade(&LastTrade {
        id: number + 5,
        price_ticks: number + 6,
        size_lots: number + 7,
        trade_ns: number + 8,
        taker_bought: true,
    });
    draft.set_bids([(number, 1), (number - 1, 2)].into_iter());
    draft.set_asks((1..).map(|rank| (number + rank, rank)));
    draft.set_features(&[number as f64, -0.5, 7.0]);
}

fn read(reader: &BookReader, index: usize) -> (Outcome, u64, Vec<u64>) {
    let mut words = vec![u64::MAX; reader.shape().record_words()];
    let reading = reader.read(index, &mut words).expect("an answer");
    (reading.outcome, reading.publication, words)
}

fn text_of<T: std::fmt::Debug>(result: Result<T, SegmentError>) -> String {
    result.expect_err("it should be refused").to_string()
}

#[test]
fn what_is_published_is_read_word_for_word() {
    let folder = Folder::new();
    let mut publisher = folder.publisher();
    let reader = folder.reader(NEVER);
    assert_eq!(reader.instruments(), ["BTC/USDT", "ETH/USDT"]);
    assert_eq!(reader.features(), FEATURES);
    assert_eq!(reader.shape(), publisher.shape());
    publisher
        .publish(1, |draft| fill(draft, 100))
        .expect("published");
    let (outcome, publication, words) = read(&reader, 1);
    assert_eq!((outcome, publication), (Outcome::Fresh, 1));
    let shape = reader.shape();
    assert_eq!(words[field::FLAGS], flag::VALID | flag::TAKER_BOUGHT);
    assert_eq!(
        words[field::EVENT_NS..field::BIDS],
        [100, 101, 102, 103, 104, 105, 106, 107, 108]
    );
    assert_eq!(words[field::BIDS..=field::ASKS], [2, DEPTH as u64]);
    assert_eq!(
        words[shape.bids_at()..shape.asks_at()],
        [100, 1, 99, 2, 0, 0]
    );
    assert_eq!(
        words[shape.asks_at()..shape.features_at()],
        [101, 1, 102, 2, 103, 3]
    );
    assert_eq!(
        words[shape.features_at()..],
        [100_f64.to_bits(), (-0.5_f64).to_bits()]
    );
    assert_eq!(
        read(&reader, 0).0,
        Outcome::Empty,
        "the other is not touched"
    );
}

#[test]
fn nothing_of_the_last_book_stays_in_the_next() {
    let folder = Folder::new();
    let mut publisher = folder.publisher();
    let reader = folder.reader(NEVER);
    publisher
        .publish(0, |draft| fill(draft, 100))
        .expect("published");
    publisher.publish(0, |_| {}).expect("published");
    let (outcome, publication, words) = read(&reader, 0);
    assert_eq!((outcome, publication), (Outcome::Fresh, 2));
    let features_at = reader.shape().features_at();
    assert!(words[..features_at].iter().all(|word| *word == 0));
    assert!(
        words[features_at..]
            .iter()
            .all(|word| f64::from_bits(*word).is_nan())
    );
}

#[test]
fn the_segment_is_private_and_alone_and_goes_with_its_writer() {
    let folder = Folder::new();
    let publisher = folder.publisher();
    let made = fs::metadata(folder.segment()).expect("the segment");
    assert_eq!(made.mode() & 0o777, 0o600);
    let kept = fs::metadata(folder.path()).expect("the folder");
    assert_eq!(kept.mode() & 0o777, 0o700);
    assert_eq!(folder.names(), ["binance.book"]);
    let reader = folder.reader(NEVER);
    assert_eq!(reader.writer_pid(), u64::from(std::process::id()));
    drop(publisher);
    assert!(folder.names().is_empty());
    assert_eq!(
        (reader.writer(), read(&reader, 0).0),
        (Writer::Closed, Outcome::Closed)
    );
    assert!(matches!(
        folder.try_reader(NEVER),
        Err(SegmentError::Absent(_))
    ));
}

#[test]
fn a_second_writer_is_refused_while_the_first_lives() {
    let folder = Folder::new();
    let mut first = folder.publisher();
    let text = text_of(folder.try_publisher());
    assert!(text.contains(&format!(
        "process {} publishes there already",
        std::process::id()
    )));
    assert_eq!(clean(&folder.path()), Ok(vec![]));
    first.publish(0, |_| {}).expect("published");
    assert_eq!(read(&folder.reader(NEVER), 0).0, Outcome::Fresh);
    first.close();
    assert!(first.publish(0, |_| {}).is_err());
    drop(folder.publisher());
}

#[test]
fn a_silent_writer_is_told_from_a_dead_one() {
    let folder = Folder::new();
    let mut publisher = folder.publisher();
    publisher.publish(0, |_| {}).expect("published");
    assert_eq!(read(&folder.reader(ALWAYS), 0).0, Outcome::Stalled);
    assert_eq!(read(&folder.reader(NEVER), 0).0, Outcome::Fresh);
    drop(publisher);
    folder.abandoned();
    let reader = folder.reader(ALWAYS);
    assert_eq!(
        (reader.writer(), read(&reader, 0).0),
        (Writer::Dead, Outcome::Dead)
    );
}

#[test]
fn a_beat_of_another_clock_is_no_sign_of_life() {
    const HEARTBEAT_AT: u64 = 9 * 8;
    let folder = Folder::new();
    let mut publisher = folder.publisher();
    publisher.publish(0, |_| {}).expect("published");
    let file = OpenOptions::new().write(true).open(folder.segment());
    let far_ahead = u64::MAX.to_ne_bytes();
    file.and_then(|file| file.write_all_at(&far_ahead, HEARTBEAT_AT))
        .expect("written");
    assert_eq!(read(&folder.reader(NEVER), 0).0, Outcome::Stalled);
}

#[test]
fn readers_that_ask_all_the_time_do_not_keep_a_successor_out() {
    let folder = Folder::new();
    folder.abandoned();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let reader = folder.reader(ALWAYS);
                assert_eq!(reader.writer(), Writer::Dead);
                let is_over = &is_over;
                scope.spawn(move || {
                    while !is_over.load(Ordering::Relaxed) {
                        assert!([Writer::Dead, Writer::Gone].contains(&reader.writer()));
                    }
                })
            })
            .collect();
        let successor = folder.try_publisher();
        is_over.store(true, Ordering::Relaxed);
        for each in readers {
            each.join().expect("asked");
        }
        assert!(successor.is_ok());
    });
}

#[test]
fn a_writer_that_died_in_mid_write_leaves_no_record() {
    let folder = Folder::new();
    folder.abandoned();
    let slot_bytes = fs::metadata(folder.segment()).expect("made").len();
    let file = OpenOptions::new()
        .write(true)
        .open(folder.segment())
        .expect("opened");
    // Two slots: the last one begins at its length from the end.
    let record = folder.reader(NEVER).shape().record_words() as u64;
    let slot = (1 + record).next_multiple_of(8) * 8;
    file.write_all_at(&1_u64.to_ne_bytes(), slot_bytes - slot)
        .expect("odd");
    let reader = folder.reader(NEVER);
    assert_eq!(read(&reader, 1).0, Outcome::Torn);
    assert!(!Outcome::Torn.has_record());
    assert_eq!(read(&reader, 0).0, Outcome::Empty);
    let mut next = folder.publisher();
    assert_eq!(read(&reader, 1).0, Outcome::Gone);
    next.publish(1, |_| {}).expect("published");
    assert_eq!(read(&folder.reader(NEVER), 1).0, Outcome::Fresh);
}

#[test]
fn readers_of_what_was_replaced_removed_or_cleaned_see_that_it_is_gone() {
    let folder = Folder::new();
    folder.abandoned();
    let reader = folder.reader(NEVER);
    let next = folder.publisher();
    assert_eq!(
        (reader.writer(), read(&reader, 0).0),
        (Writer::Gone, Outcome::Gone)
    );

    let reader = folder.reader(ALWAYS);
    fs::remove_file(folder.segment()).expect("removed");
    assert_eq!(
        (reader.writer(), read(&reader, 0).0),
        (Writer::Gone, Outcome::Gone)
    );
    assert_eq!(next.beat_and_look(), Ok(false), "and so does its writer");
    drop(next);

    folder.abandoned();
    let reader = folder.reader(NEVER);
    fs::write(folder.path().join(".book.half"), "half made").expect("written");
    fs::write(folder.path().join("other"), "not ours").expect("written");
    assert_eq!(clean(&folder.path()), Ok(vec![folder.segment()]));
    assert_eq!(folder.names(), ["other"]);
    assert_eq!(read(&reader, 0).0, Outcome::Gone);
    assert_eq!(clean(&folder.path().join("nowhere")), Ok(vec![]));
}

#[test]
fn a_new_writer_does_not_take_away_a_strangers_place() {
    let folder = Folder::new();
    folder.abandoned();
    let next = folder.publisher();
    let foreign = folder.path().join("foreign");
    fs::rename(folder.segment(), &foreign).expect("renamed");
    folder.abandoned();
    drop(next); // it closes its own segment, and leaves what stands in its place
    assert_eq!(folder.reader(NEVER).writer(), Writer::Dead);
}

#[test]
fn what_is_no_segment_of_this_version_is_refused_and_may_be_replaced() {
    let folder = Folder::new();
    folder.abandoned();
    let good = fs::read(folder.segment()).expect("read");
    let changed = |at: usize, byte: u8| {
        let mut content = good.clone();
        content[at] ^= byte;
        content
    };
    let mut swapped = good.clone();
    swapped[..8].reverse();
    for (content, what) in [
        (b"short".to_vec(), "too short"),
        (vec![0; good.len()], "no segment of books"),
        (changed(8, 1), "another version"),
        (changed(16, 1), "another version"),
        (changed(32, 1), "not what it says"),
        (changed(40, 0xff), "not what it says"),
        (changed(39, 0xff), "not what it says"),
        (good[..good.len() - 8].to_vec(), "not what it says"),
        (swapped, "another byte order"),
    ] {
        fs::write(folder.segment(), content).expect("written");
        assert!(text_of(folder.try_reader(NEVER)).contains(what), "{what}");
        drop(folder.publisher());
        fs::write(folder.segment(), "").expect("written");
        fs::set_permissions(folder.segment(), Permissions::from_mode(0o600)).expect("private");
    }
}

#[test]
fn links_foreign_places_and_what_others_may_write_are_refused() {
    let folder = Folder::new();
    folder.abandoned();
    fs::set_permissions(folder.segment(), Permissions::from_mode(0o620)).expect("opened");
    assert!(text_of(folder.try_reader(NEVER)).contains("can be written by other users"));
    assert!(text_of(folder.try_publisher()).contains("can be written by other users"));
    fs::remove_file(folder.segment()).expect("removed");
    fs::create_dir(folder.segment()).expect("a folder");
    assert!(folder.try_publisher().is_err() && folder.try_reader(NEVER).is_err());
    fs::remove_dir(folder.segment()).expect("removed");
    symlink("elsewhere", folder.segment()).expect("a link");
    assert!(text_of(folder.try_publisher()).contains("symbolic link"));
    fs::remove_file(folder.segment()).expect("removed");

    fs::set_permissions(folder.path(), Permissions::from_mode(0o750)).expect("opened");
    for text in [
        text_of(folder.try_publisher()),
        text_of(folder.try_reader(NEVER)),
        text_of(clean(&folder.path())),
    ] {
        assert!(text.contains("it must have mode 0700"), "{text}");
    }
    fs::remove_dir(folder.path()).expect("removed");
    symlink(folder.0.path(), folder.path()).expect("a link");
    assert!(text_of(folder.try_publisher()).contains("it is not a folder"));
}

#[test]
fn settings_and_arguments_out_of_range_are_refused() {
    let folder = Folder::new();
    let create = |venue: &str, names: &[&str], depth, features: usize| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        text_of(BookPublisher::create(
            &folder.path(),
            venue,
            &names,
            depth,
            &features_named(features),
        ))
    };
    for venue in ["", "../up", "Upper", "a/b", ".hidden", &"v".repeat(33)] {
        assert!(create(venue, &["A"], 1, 0).contains("cannot name a segment"));
        let opened = BookReader::open(&folder.path(), venue, NEVER);
        assert!(text_of(opened).contains("cannot name a segment"));
    }
    assert!(create("v", &[], 1, 0).contains("instruments must be in"));
    assert!(create("v", &["A"], 0, 0).contains("depth must be in"));
    assert!(create("v", &["A"], DEPTH_MAX + 1, 0).contains("depth must be in"));
    assert!(create("v", &["A"], 1, 1_000).contains("features must be in"));
    assert!(create("v", &["A", "A"], 1, 0).contains("is named twice"));
    for name in ["", "a\nb", &"n".repeat(64)] {
        assert!(create("v", &[name], 1, 0).contains("cannot be the name of an instrument"));
    }
    let mut publisher = folder.publisher();
    let reader = folder.reader(NEVER);
    let record = reader.shape().record_words();
    assert!(publisher.publish(2, |_| {}).is_err());
    assert!(reader.read(2, &mut vec![0; record]).is_err());
    assert!(reader.read(0, &mut vec![0; record - 1]).is_err());
}

#[test]
fn of_many_who_want_to_write_at_once_one_does() {
    for round in 0..ROUNDS {
        let folder = Folder::new();
        if round % 2 == 0 {
            folder.abandoned();
        }
        let barrier = Barrier::new(CREATORS);
        let made: Vec<_> = thread::scope(|scope| {
            let creators: Vec<_> = (0..CREATORS)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        folder.try_publisher()
                    })
                })
                .collect();
            let made = creators.into_iter().map(|each| each.join().expect("made"));
            made.collect()
        });
        assert_eq!(made.iter().filter(|each| each.is_ok()).count(), 1);
        assert_eq!(folder.reader(ALWAYS).writer(), Writer::Alive);
        assert_eq!(folder.names(), ["binance.book"]);
    }
}

#[test]
fn threads_read_whole_books_while_they_are_written() {
    let folder = Folder::new();
    let mut publisher = folder.publisher();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let reader = folder.reader(NEVER);
                    let (mut seen, mut newest) = (0_u64, 0);
                    while !is_over.load(Ordering::Relaxed) {
                        let (outcome, publication, words) = read(&reader, 0);
                        if outcome != Outcome::Fresh {
                            continue;
                        }
                        assert!(publication >= newest);
                        newest = publication;
                        let number = words[field::EVENT_NS];
                        assert_eq!(number, publication);
                        assert_eq!(words[reader.shape().asks_at() + 4], number + 3);
                        let feature = f64::from_bits(words[reader.shape().features_at()]);
                        assert_eq!(feature.to_bits(), (number as f64).to_bits());
                        seen += 1;
                    }
                    seen
                })
            })
            .collect();
        for number in 1..=PUBLICATIONS {
            publisher
                .publish(0, |draft| fill(draft, number as i64))
                .expect("published");
        }
        is_over.store(true, Ordering::Relaxed);
        for each in readers {
            each.join().expect("whole books");
        }
    });
}

#[test]
fn a_file_that_others_hold_is_no_reason_to_wait_for_ever() {
    let folder = Folder::new();
    folder.abandoned();
    let held = File::open(folder.segment()).expect("opened");
    held.lock_shared().expect("locked");
    assert!(matches!(
        folder.try_publisher(),
        Err(SegmentError::Taken { .. })
    ));
    drop(held);
    folder.publisher();
}

fn features_named(count: usize) -> Vec<String> {
    (0..count).map(|each| format!("feature_{each}")).collect()
}

fn is_below(path: &Path, folder: &Path) -> bool {
    path.parent() == Some(folder)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    /// Whatever is published of whatever shape, the reader has it, and no other instrument's.
    #[test]
    fn a_reader_has_what_was_published_last(
        depth in 1_usize..40,
        features in 0_usize..20,
        books in prop::collection::vec(
            (0_usize..3, prop::collection::vec((any::<i64>(), any::<i64>()), 0..50), any::<f64>()), 1..20),
    ) {
        let folder = Folder::new();
        let names = ["A".to_owned(), "B".to_owned(), "C".to_owned()];
        let mut publisher =
            BookPublisher::create(&folder.path(), "v-1", &names, depth, &features_named(features)).expect("made");
        prop_assert!(is_below(publisher.path(), &folder.path()));
        let reader = BookReader::open(&folder.path(), "v-1", NEVER).expect("opened");
        let shape = reader.shape();
        let mut last: [Option<(u64, _)>; 3] = [None; 3];
        for (index, levels, feature) in &books {
            let published = publisher.publish(*index, |draft| {
                draft.set_asks(levels.iter().copied());
                draft.set_features(&vec![*feature; features]);
            });
            prop_assert_eq!(published, Ok(()));
            let number = last[*index].map_or(0, |(number, _)| number) + 1;
            last[*index] = Some((number, (levels, feature)));
        }
        for (index, expected) in last.iter().enumerate() {
            let (outcome, publication, words) = read(&reader, index);
            let Some((number, (levels, feature))) = expected else {
                prop_assert_eq!(outcome, Outcome::Empty);
                continue;
            };
            prop_assert_eq!((outcome, publication), (Outcome::Fresh, *number));
            let count = levels.len().min(depth);
            prop_assert_eq!(words[field::ASKS], count as u64);
            let asks = &words[shape.asks_at()..][..count * 2];
            let found: Vec<_> = asks.chunks(2).map(|each| (each[0] as i64, each[1] as i64)).collect();
            prop_assert_eq!(&found, &levels[..count]);
            for word in &words[shape.features_at()..] {
                prop_assert_eq!(*word, feature.to_bits());
            }
        }
    }
}
