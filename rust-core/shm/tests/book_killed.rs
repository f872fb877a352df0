//! Writers that are killed while they write: real processes, SIGKILL, and readers that must notice.
//!
//! `OPENOUTCRY_KILLS` says how many (40 unless given).

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use openoutcry_shm::book::{
    BookDraft, BookPublisher, BookReader, Health, Outcome, SegmentError, Writer, clean, field,
};
use tempfile::TempDir;

const KILLS_VARIABLE: &str = "OPENOUTCRY_KILLS";
const FOLDER_VARIABLE: &str = "OPENOUTCRY_KILLED_WRITER_FOLDER";
const KILLS: u64 = 40;
const SEED: u64 = 7;
/// Deep, so that much of the time goes into writing.
const DEPTH: usize = 500;
const FEATURES: usize = 8;
const VENUE: &str = "binance";
const WRITER_TEST: &str = "a_writer_to_be_killed";
/// More attempts than any start of a process takes.
const OPEN_ATTEMPTS: u32 = 1_000_000;
const MAX_PUBLICATIONS_SEEN: u64 = 2_000;
const MAX_SPINS: u64 = 3_000;

/// Every word says which publication it is of.
fn fill(draft: &mut BookDraft, number: i64) {
    draft.set_health(&Health {
        is_valid: true,
        event_ns: number,
        depth_received_ns: number,
        trade_received_ns: number,
        published_ns: number,
        last_update_id: number,
    });
    draft.set_bids((0..).map(|rank| (number - rank, number)));
    draft.set_asks((0..).map(|rank| (number + rank, number)));
    draft.set_features(&[number as f64; FEATURES]);
}

fn check_whole(reader: &BookReader, words: &[u64], publication: u64) {
    let (shape, number) = (reader.shape(), publication as i64);
    for word in &words[field::EVENT_NS..=field::LAST_UPDATE_ID] {
        assert_eq!(*word as i64, number, "a torn record");
    }
    for (sign, at) in [(-1, shape.bids_at()), (1, shape.asks_at())] {
        for (rank, level) in words[at..][..2 * DEPTH].chunks(2).enumerate() {
            let expected = [number + sign * rank as i64, number];
            assert_eq!([level[0] as i64, level[1] as i64], expected, "a torn level");
        }
    }
    for word in &words[shape.features_at()..] {
        assert_eq!(*word, (number as f64).to_bits(), "a torn feature");
    }
}

/// Run as a test it does nothing; with the variable it is the process that is killed.
#[test]
fn a_writer_to_be_killed() {
    let Some(folder) = env::var_os(FOLDER_VARIABLE) else {
        return;
    };
    let names = ["BTC/USDT".to_owned()];
    let features: Vec<String> = (0..FEATURES)
        .map(|each| format!("feature_{each}"))
        .collect();
    let mut publisher =
        BookPublisher::create(Path::new(&folder), VENUE, &names, DEPTH, &features).expect("made");
    for number in 1.. {
        publisher
            .publish(0, |draft| fill(draft, number))
            .expect("published");
    }
}

fn start_writer(folder: &Path) -> Child {
    Command::new(env::current_exe().expect("this test"))
        .args(["--exact", WRITER_TEST, "--test-threads=1", "--nocapture"])
        .env(FOLDER_VARIABLE, folder)
        .stdout(Stdio::null())
        .spawn()
        .expect("a writer")
}

fn open(folder: &Path, pid: u32) -> BookReader {
    for _ in 0..OPEN_ATTEMPTS {
        match BookReader::open(folder, VENUE, Duration::ZERO) {
            Ok(reader) if reader.writer_pid() == u64::from(pid) => return reader,
            Ok(_) | Err(SegmentError::Absent(_)) => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the writer did not come");
}

/// xorshift64: Marsaglia, "Xorshift RNGs" (2003).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Reads on until so many publications have passed; every one that it sees is whole.
fn read_until(reader: &BookReader, words: &mut [u64], publications: u64) {
    let mut newest = 0;
    while newest < publications {
        let reading = reader.read(0, words).expect("an answer");
        match reading.outcome {
            Outcome::Stalled => {
                // The reader always asks the kernel, and the writer lives.
                assert!(reading.publication >= newest, "it went back");
                newest = reading.publication;
                if newest > 0 {
                    check_whole(reader, words, newest);
                }
            }
            Outcome::Busy => {}
            other => panic!("the writer lives, but it is {other:?}"),
        }
    }
}

#[test]
fn writers_killed_at_any_moment_leave_whole_books_or_none() {
    let kills = env::var(KILLS_VARIABLE).map_or(KILLS, |text| text.parse().expect("a number"));
    let place = TempDir::new().expect("a temporary folder");
    let folder: PathBuf = place.path().join("books");
    let mut random = Random(SEED);
    let mut torn = 0;
    let mut previous: Option<BookReader> = None;
    for _ in 0..kills {
        let mut writer = start_writer(&folder);
        let reader = open(&folder, writer.id());
        let mut words = vec![0; reader.shape().record_words()];
        if let Some(previous) = &previous {
            let reading = previous.read(0, &mut words).expect("an answer");
            assert_eq!(reading.outcome, Outcome::Gone, "its successor has come");
        }
        read_until(&reader, &mut words, random.below(MAX_PUBLICATIONS_SEEN));
        for _ in 0..random.below(MAX_SPINS) {
            std::hint::spin_loop();
        }
        writer.kill().expect("killed");
        writer.wait().expect("dead");
        assert_eq!(reader.writer(), Writer::Dead);
        let reading = reader.read(0, &mut words).expect("an answer");
        match reading.outcome {
            Outcome::Dead if reading.publication > 0 => {
                check_whole(&reader, &words, reading.publication);
            }
            Outcome::Dead => {}
            Outcome::Torn => torn += 1,
            other => panic!("the writer is dead, but it is {other:?}"),
        }
        previous = Some(reader);
    }
    println!("{kills} writers killed, {torn} of them in mid-write");
    assert_eq!(clean(&folder).expect("cleaned").len(), 1);
    assert_eq!(fs::read_dir(&folder).expect("the folder").count(), 0);
}
