//! Mutations that know what a session is: lines that get lost, come twice or change places, numbers that are
//! another, and values that are cut, nested or moved.

use openoutcry_engine::random::Random;

/// Numbers where something may overflow, wrap, round or divide by zero.
const NUMBERS: [&[u8]; 20] = [
    b"0",
    b"1",
    b"-1",
    b"0.0",
    b"00",
    b"1.",
    b".1",
    b"1e9",
    b"0.00000001",
    b"0.000000001",
    b"100.01",
    b"99.99",
    b"720575940379279.36",
    b"72057594037927936",
    b"2147483648",
    b"4294967296",
    b"9223372036854775807",
    b"9223372036854775808",
    b"18446744073709551616",
    b"123456789012345678901234567890",
];
/// Values of other types.
const VALUES: [&[u8]; 8] = [
    b"null",
    b"true",
    b"[]",
    b"{}",
    b"\"\"",
    b"[[]]",
    b"\"\\\"\"",
    b"NaN",
];
/// Most mutations at once.
const MAX_MUTATIONS: u64 = 4;

/// Mutates a session; the same seed does the same.
#[must_use]
pub fn mutate(session: &[u8], seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut lines: Vec<Vec<u8>> = session
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    for _ in 0..=random.below(MAX_MUTATIONS) {
        let at = index(&mut random, lines.len());
        let other = index(&mut random, lines.len());
        match random.below(8) {
            0 => lines.swap(at, other),
            1 if lines.len() > 1 => drop(lines.remove(at)),
            2 => lines.insert(at, lines[other].clone()),
            _ => mutate_line(&mut lines, at, other, &mut random),
        }
    }
    lines.join(&b'\n')
}

fn mutate_line(lines: &mut [Vec<u8>], at: usize, other: usize, random: &mut Random) {
    let donor = lines[other].clone();
    let line = &mut lines[at];
    match random.below(8) {
        0 | 1 => replace(line, random, is_number, nearby),
        2 => replace(line, random, is_number, |_, random| {
            NUMBERS[index(random, NUMBERS.len())].to_vec()
        }),
        3 => replace(line, random, is_word, |_, random| {
            let words = runs(&donor, is_word);
            let (begin, end) = words
                .get(index(random, words.len()))
                .copied()
                .unwrap_or_default();
            donor[begin..end].to_vec()
        }),
        4 => replace(line, random, is_word, |_, random| {
            VALUES[index(random, VALUES.len())].to_vec()
        }),
        5 => line.truncate(index(random, line.len() + 1)),
        6 => {
            let cut = index(random, line.len() + 1);
            line.truncate(cut);
            line.extend_from_slice(donor.get(cut..).unwrap_or_default());
        }
        _ => {
            let (begin, end) = (index(random, line.len() + 1), index(random, line.len() + 1));
            let part = line[begin.min(end)..begin.max(end)].to_vec();
            let to = index(random, line.len() + 1);
            line.splice(to..to, part);
        }
    }
}

/// Replaces one of the runs of such bytes.
fn replace(
    line: &mut Vec<u8>,
    random: &mut Random,
    is_part: fn(u8) -> bool,
    new: impl Fn(&[u8], &mut Random) -> Vec<u8>,
) {
    let runs = runs(line, is_part);
    if runs.is_empty() {
        return;
    }
    let (begin, end) = runs[index(random, runs.len())];
    let text = new(&line[begin..end], random);
    line.splice(begin..end, text);
}

/// Where runs of such bytes begin and end.
fn runs(line: &[u8], is_part: fn(u8) -> bool) -> Vec<(usize, usize)> {
    let mut runs = Vec::new();
    let mut begin = 0;
    for run in line.chunk_by(|left, right| is_part(*left) == is_part(*right)) {
        if is_part(run[0]) {
            runs.push((begin, begin + run.len()));
        }
        begin += run.len();
    }
    runs
}

fn is_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'.' | b'-')
}

fn is_word(byte: u8) -> bool {
    is_number(byte) || byte.is_ascii_alphabetic() || byte == b'_'
}

/// A number one away in one of its digits.
fn nearby(old: &[u8], random: &mut Random) -> Vec<u8> {
    let mut text = old.to_vec();
    let at = index(random, text.len());
    if text[at].is_ascii_digit() {
        let digit = text[at] - b'0';
        let step = if random.below(2) == 0 { 1 } else { 9 };
        text[at] = b'0' + (digit + step) % 10;
    }
    text
}

fn index(random: &mut Random, length: usize) -> usize {
    random.below(length as u64) as usize
}
