//! What lies where in a segment, in words of 64 bits in the machine's own byte order.
//!
//! A header, the names of instruments and features, then a slot for each instrument: its sequence and its record. Every slot
//! begins on a cache line. A segment of another version, shape or byte order is refused, not guessed at.

use super::segment::SegmentError;

/// The first word. Another byte order does not read it so.
pub(super) const MAGIC: u64 = u64::from_ne_bytes(*b"OO-BOOK\0");
/// To be raised whenever the meaning of a word changes.
pub(super) const VERSION: u64 = 1;

/// The header's words.
pub(super) mod header {
    pub const MAGIC: usize = 0;
    pub const VERSION: usize = 1;
    pub const LAYOUT_HASH: usize = 2;
    pub const WORDS: usize = 3;
    pub const INSTRUMENTS: usize = 4;
    pub const DEPTH: usize = 5;
    pub const FEATURES: usize = 6;
    pub const WRITER_PID: usize = 7;
    /// On a line of their own: these change.
    pub const STATE: usize = 8;
    pub const HEARTBEAT_NS: usize = 9;
    pub const VENUE: usize = 16;
    pub const LEN: usize = VENUE + super::NAME_WORDS;
}

/// What the state word says.
pub(super) mod state {
    pub const OPEN: u64 = 1;
    /// The writer ended in order.
    pub const CLOSED: u64 = 2;
    /// The writer was dead, and the segment was given up.
    pub const GIVEN_UP: u64 = 3;
}

/// The words of a record before its levels. All are `i64`.
pub mod field {
    /// The bits of [`super::flag`].
    pub const FLAGS: usize = 0;
    /// Venue time of the newest frame, UTC ns.
    pub const EVENT_NS: usize = 1;
    /// When the newest depth frame came, UTC ns.
    pub const DEPTH_RECEIVED_NS: usize = 2;
    /// When the newest trade came, UTC ns.
    pub const TRADE_RECEIVED_NS: usize = 3;
    /// When this was published, UTC ns.
    pub const PUBLISHED_NS: usize = 4;
    /// The venue's sequence of the book; 0 while it is not valid.
    pub const LAST_UPDATE_ID: usize = 5;
    /// Last trade: its id, 0 before the first.
    pub const TRADE_ID: usize = 6;
    /// Last trade: its price.
    pub const TRADE_PRICE_TICKS: usize = 7;
    /// Last trade: its size.
    pub const TRADE_SIZE_LOTS: usize = 8;
    /// Last trade: its time at the venue, UTC ns.
    pub const TRADE_NS: usize = 9;
    /// How many bids there are.
    pub const BIDS: usize = 10;
    /// How many asks there are.
    pub const ASKS: usize = 11;
    /// Here the levels begin: price and size of each, best first, zeros behind the last; the bids, the asks,
    /// then the features (`f64`).
    pub const LEVELS: usize = 12;
}

/// The bits of a record's first word.
pub mod flag {
    /// The book is joined, free of gaps and not crossed.
    pub const VALID: u64 = 1;
    /// The taker of the last trade bought.
    pub const TAKER_BOUGHT: u64 = 2;
}

/// Most levels a side.
pub const DEPTH_MAX: usize = 1_000;
/// Most features.
pub const FEATURES_MAX: usize = 256;
/// Most instruments.
pub const INSTRUMENTS_MAX: usize = 1_024;
/// Longest name of an instrument.
pub const NAME_BYTES_MAX: usize = NAME_WORDS * WORD_BYTES - 1;

pub(super) const WORD_BYTES: usize = size_of::<u64>();
const NAME_WORDS: usize = 8;
const LINE_WORDS: usize = 8;
const WORDS_A_LEVEL: usize = 2;
const SIDES: usize = 2;

/// How large a segment is: the same everywhere, or the reader is another version than the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    instruments: usize,
    depth: usize,
    features: usize,
}

impl Shape {
    /// # Errors
    /// A number is zero (there may be no features) or beyond its limit.
    pub fn new(instruments: usize, depth: usize, features: usize) -> Result<Self, SegmentError> {
        for (name, value, least, most) in [
            ("instruments", instruments, 1, INSTRUMENTS_MAX),
            ("depth", depth, 1, DEPTH_MAX),
            ("features", features, 0, FEATURES_MAX),
        ] {
            if !(least..=most).contains(&value) {
                let text = format!("{name} must be in {least} to {most}, got {value}");
                return Err(SegmentError::Setting(text));
            }
        }
        Ok(Self {
            instruments,
            depth,
            features,
        })
    }

    /// How many instruments there are.
    pub fn instruments(self) -> usize {
        self.instruments
    }

    /// Levels a side.
    pub fn depth(self) -> usize {
        self.depth
    }

    /// How many features there are.
    pub fn features(self) -> usize {
        self.features
    }

    /// Where a record's bids begin.
    pub fn bids_at(self) -> usize {
        field::LEVELS
    }

    /// Where a record's asks begin.
    pub fn asks_at(self) -> usize {
        self.bids_at() + self.depth * WORDS_A_LEVEL
    }

    /// Where a record's features begin.
    pub fn features_at(self) -> usize {
        field::LEVELS + self.depth * WORDS_A_LEVEL * SIDES
    }

    /// The length of a record.
    pub fn record_words(self) -> usize {
        self.features_at() + self.features
    }

    /// Where the instruments' names begin.
    pub(super) fn instrument_names_at() -> usize {
        header::LEN
    }

    /// Where the features' names begin.
    pub(super) fn feature_names_at(self) -> usize {
        Self::instrument_names_at() + self.instruments * NAME_WORDS
    }

    /// Where an instrument's sequence is; its record follows.
    pub(super) fn slot_at(self, index: usize) -> usize {
        let names_end = self.feature_names_at() + self.features * NAME_WORDS;
        let first = names_end.next_multiple_of(LINE_WORDS);
        first + index * (1 + self.record_words()).next_multiple_of(LINE_WORDS)
    }

    /// The length of the segment.
    pub(super) fn words(self) -> usize {
        self.slot_at(self.instruments)
    }
}

/// A hash of what this build believes about the layout.
pub(super) const LAYOUT_HASH: u64 = {
    let facts = [
        VERSION as usize,
        WORD_BYTES,
        NAME_WORDS,
        LINE_WORDS,
        WORDS_A_LEVEL,
        SIDES,
        header::LEN,
        header::STATE,
        header::HEARTBEAT_NS,
        header::VENUE,
        field::EVENT_NS,
        field::DEPTH_RECEIVED_NS,
        field::TRADE_RECEIVED_NS,
        field::PUBLISHED_NS,
        field::LAST_UPDATE_ID,
        field::TRADE_ID,
        field::TRADE_PRICE_TICKS,
        field::TRADE_SIZE_LOTS,
        field::TRADE_NS,
        field::BIDS,
        field::ASKS,
        field::LEVELS,
        flag::VALID as usize,
        flag::TAKER_BOUGHT as usize,
    ];
    // FNV-1a, a word at a time: http://www.isthe.com/chongo/tech/comp/fnv/
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut place = 0;
    while place < facts.len() {
        hash = (hash ^ facts[place] as u64).wrapping_mul(0x0100_0000_01b3);
        place += 1;
    }
    hash
};

/// A new segment's words: header and names, and records that were never written.
pub(super) fn new_words(
    shape: Shape,
    venue: &str,
    instruments: &[String],
    features: &[String],
) -> Vec<u64> {
    let mut words = vec![0; shape.words()];
    for (at, word) in [
        (header::MAGIC, MAGIC),
        (header::VERSION, VERSION),
        (header::LAYOUT_HASH, LAYOUT_HASH),
        (header::WORDS, shape.words() as u64),
        (header::INSTRUMENTS, shape.instruments as u64),
        (header::DEPTH, shape.depth as u64),
        (header::FEATURES, shape.features as u64),
        (header::WRITER_PID, u64::from(std::process::id())),
        (header::STATE, state::OPEN),
    ] {
        words[at] = word;
    }
    put_names(&mut words[header::VENUE..], &[venue.to_owned()]);
    put_names(&mut words[Shape::instrument_names_at()..], instruments);
    put_names(&mut words[shape.feature_names_at()..], features);
    words
}

/// The shape that a header tells, if this build can read it.
pub(super) fn shape_of(words: &[u64], file_words: u64) -> Result<Shape, &'static str> {
    let [magic, version, hash, len, instruments, depth, features, ..] = words[..] else {
        return Err("it is too short for a segment");
    };
    if magic == MAGIC.swap_bytes() {
        return Err("it was written in another byte order");
    }
    if magic != MAGIC {
        return Err("it is no segment of books");
    }
    if version != VERSION || hash != LAYOUT_HASH {
        return Err("it is a segment of another version; use one version of openoutcry on a host");
    }
    let count = |word| usize::try_from(word).unwrap_or(usize::MAX);
    match Shape::new(count(instruments), count(depth), count(features)) {
        Ok(shape) if shape.words() as u64 == len && len == file_words => Ok(shape),
        _ => Err("its length is not what it says"),
    }
}

/// Checks names that a segment holds.
pub(super) fn check_names(what: &str, names: &[String]) -> Result<(), SegmentError> {
    for (index, name) in names.iter().enumerate() {
        let is_plain = !name.chars().any(char::is_control);
        let text = if !is_plain || !(1..=NAME_BYTES_MAX).contains(&name.len()) {
            format!(
                "{name:?} cannot be the name of {what}; give 1 to {NAME_BYTES_MAX} bytes without control \
                 characters"
            )
        } else if names[..index].contains(name) {
            format!("{what} {name:?} is named twice; name each once")
        } else {
            continue;
        };
        return Err(SegmentError::Setting(text));
    }
    Ok(())
}

/// The first so many names in these words.
pub(super) fn names_in(words: &[u64], count: usize) -> Vec<String> {
    let names = words.chunks_exact(NAME_WORDS).take(count);
    names
        .map(|name| {
            let bytes = name.iter().flat_map(|word| word.to_ne_bytes());
            let text: Vec<u8> = bytes.take_while(|byte| *byte != 0).collect();
            String::from_utf8_lossy(&text).into_owned()
        })
        .collect()
}

fn put_names(words: &mut [u64], names: &[String]) {
    for (place, name) in words.chunks_exact_mut(NAME_WORDS).zip(names) {
        for (word, bytes) in place.iter_mut().zip(name.as_bytes().chunks(WORD_BYTES)) {
            let mut padded = [0; WORD_BYTES];
            padded[..bytes.len()].copy_from_slice(bytes);
            *word = u64::from_ne_bytes(padded);
        }
    }
}
