//! The fuzz targets' seeds, and thousands of their mutations, through the code that the fuzzer runs.

#[path = "../../fuzz/src/drive/mod.rs"]
mod drive;

use std::fs;
use std::path::PathBuf;

use drive::{ALL, mutate, orders, run};

/// Chains of mutations that begin with each seed, each link mutated from the one before it.
const CHAINS: u64 = 16;
const CHAIN_LENGTH: u64 = 48;

/// A target's name and what it does with an input.
type Driven = (&'static str, Box<dyn Fn(&[u8])>);

/// All fuzz targets.
fn targets() -> Vec<Driven> {
    let feeds = ALL.into_iter().map(|target| {
        let drive = move |session: &[u8]| run(target, session);
        (target.name, Box::new(drive) as Box<dyn Fn(&[u8])>)
    });
    let by_order: [Driven; 4] = [
        ("bitstamp_orders", Box::new(orders::bitstamp)),
        ("book_by_order", Box::new(orders::events)),
        ("itch", Box::new(orders::itch)),
        ("lobster", Box::new(orders::lobster)),
    ];
    feeds.chain(by_order).collect()
}

/// A target's seeds with their names, sorted.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/seeds")
        .join(target);
    let files = fs::read_dir(&folder).expect("a folder of seeds");
    let mut seeds: Vec<_> = files
        .map(|file| {
            let path = file.expect("a file").path();
            (
                path.display().to_string(),
                fs::read(&path).expect("a readable file"),
            )
        })
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{} has no seeds", folder.display());
    seeds
}

#[test]
fn every_seed_and_every_cut_of_it_keeps_what_must_hold() {
    for (target, drive) in targets() {
        for (name, seed) in seeds(target) {
            println!("{name}");
            drive(&seed);
            for length in (0..seed.len()).step_by(7) {
                drive(&seed[..length]);
            }
        }
    }
}

#[test]
fn seeded_mutations_keep_what_must_hold() {
    for (target, drive) in targets() {
        for (name, seed) in seeds(target) {
            for chain in 0..CHAINS {
                println!("{name}, chain {chain}");
                let mut session = seed.clone();
                for link in 0..CHAIN_LENGTH {
                    session = mutate(&session, chain * CHAIN_LENGTH + link);
                    drive(&session);
                }
            }
        }
    }
}

#[test]
fn a_mutation_is_given_by_its_seed() {
    let session = b"{\"a\":[1,2]}\n[3,\"x\"]";
    assert_eq!(mutate(session, 5), mutate(session, 5));
    assert!((0..9).any(|seed| mutate(session, seed) != session));
}
