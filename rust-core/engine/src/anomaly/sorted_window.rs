//! A multiset of numbers in order, in chunks of bounded size: the number of any rank, and any rank's place.
//!
//! To insert or to remove finds the chunk by binary search, moves at most [`MAX_CHUNK`] numbers, and adds one
//! to the ranks of the chunks behind it; a number of a given rank is found by binary search. A window of up to
//! [`MAX_CHUNK`] numbers is one sorted array.

/// Most numbers in a chunk: 4 KiB, moved in some 50 ns.
const MAX_CHUNK: usize = 512;

#[derive(Debug, Clone)]
pub(super) struct SortedWindow {
    /// None is empty, except that an empty window has one empty chunk.
    chunks: Vec<Vec<f64>>,
    /// Rank of each chunk's first number.
    ranks: Vec<usize>,
    len: usize,
}

impl SortedWindow {
    pub(super) fn new() -> Self {
        Self {
            chunks: vec![Vec::with_capacity(MAX_CHUNK)],
            ranks: vec![0],
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The number of a rank, from 0; 0 beyond the last, which callers do not ask for.
    #[inline]
    pub(super) fn get(&self, rank: usize) -> f64 {
        if let [only] = self.chunks.as_slice() {
            return only.get(rank).copied().unwrap_or(0.0);
        }
        let chunk = self
            .ranks
            .partition_point(|first| *first <= rank)
            .saturating_sub(1);
        self.chunks[chunk]
            .get(rank - self.ranks[chunk])
            .copied()
            .unwrap_or(0.0)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = f64> + '_ {
        self.chunks.iter().flatten().copied()
    }

    pub(super) fn insert(&mut self, value: f64) {
        let at = self.chunk_of(value);
        if self.chunks[at].len() == MAX_CHUNK {
            self.split(at);
            return self.insert(value);
        }
        let chunk = &mut self.chunks[at];
        let place = chunk.partition_point(|other| other.total_cmp(&value).is_lt());
        chunk.insert(place, value);
        self.len += 1;
        for rank in &mut self.ranks[at + 1..] {
            *rank += 1;
        }
    }

    /// Removes one of the numbers equal to `value`; false if there is none.
    pub(super) fn remove(&mut self, value: f64) -> bool {
        let at = self.chunk_of(value);
        let chunk = &mut self.chunks[at];
        let place = chunk.partition_point(|other| other.total_cmp(&value).is_lt());
        if chunk
            .get(place)
            .is_none_or(|found| found.total_cmp(&value).is_ne())
        {
            return false;
        }
        chunk.remove(place);
        let is_empty = chunk.is_empty();
        self.len -= 1;
        for rank in &mut self.ranks[at + 1..] {
            *rank -= 1;
        }
        if is_empty && self.chunks.len() > 1 {
            self.chunks.remove(at);
            self.ranks.remove(at);
        }
        true
    }

    /// Replaces one number by another: in a single chunk one move of the numbers between them.
    pub(super) fn replace(&mut self, old: f64, new: f64) {
        let [chunk] = self.chunks.as_mut_slice() else {
            self.remove(old);
            return self.insert(new);
        };
        let from = chunk.partition_point(|other| other.total_cmp(&old).is_lt());
        let to = chunk.partition_point(|other| other.total_cmp(&new).is_lt());
        if from >= chunk.len() {
            return;
        }
        if from < to {
            chunk.copy_within(from + 1..to, from);
            chunk[to - 1] = new;
        } else {
            chunk.copy_within(to..from, to + 1);
            chunk[to] = new;
        }
    }

    /// The first chunk whose last number is not below `value`, or the last chunk.
    fn chunk_of(&self, value: f64) -> usize {
        let is_below = |chunk: &Vec<f64>| {
            chunk
                .last()
                .is_some_and(|last| last.total_cmp(&value).is_lt())
        };
        self.chunks
            .partition_point(is_below)
            .min(self.chunks.len() - 1)
    }

    fn split(&mut self, at: usize) {
        let mut upper = Vec::with_capacity(MAX_CHUNK);
        upper.extend(self.chunks[at].drain(MAX_CHUNK / 2..));
        self.ranks.insert(at + 1, self.ranks[at] + MAX_CHUNK / 2);
        self.chunks.insert(at + 1, upper);
    }
}
