//! The halt flag: what is clear, what is armed, and that no arming is lost.

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;

use openoutcry_shm::halt::{HaltFlag, Refusal};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tempfile::TempDir;

const FLAG_BYTES: u64 = 32;
const GENERATION_BYTE: u64 = 16;
const CREATORS: usize = 16;
const ROUNDS: usize = 200;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn flag(&self) -> PathBuf {
        self.path().join("halt.flag")
    }

    fn record(&self) -> PathBuf {
        self.path().join("halt.json")
    }

    fn open(&self) -> HaltFlag {
        HaltFlag::open(&self.flag(), &self.record())
    }

    fn cut(&self, bytes: u64) {
        let file = OpenOptions::new().write(true).open(self.flag());
        file.and_then(|file| file.set_len(bytes)).expect("cut");
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

fn unusable(flag: &HaltFlag) -> String {
    match flag.permit() {
        Err(Refusal::Unusable(error)) => error.to_string(),
        other => panic!("it should be unusable, but is {other:?}"),
    }
}

#[test]
fn a_new_flag_is_clear_private_and_alone() {
    let folder = Folder::new();
    assert_eq!(folder.open().permit(), Ok(()));
    let made = fs::metadata(folder.flag()).expect("the flag");
    assert_eq!((made.mode() & 0o777, made.len()), (0o600, FLAG_BYTES));
    assert_eq!(folder.names(), ["halt.flag"]);
}

#[test]
fn armed_by_one_it_is_armed_for_all_and_for_those_to_come() {
    let folder = Folder::new();
    let (one, other) = (folder.open(), folder.open());
    one.arm(7);
    assert_eq!(other.permit(), Err(Refusal::Armed));
    assert_eq!(other.armed_at_ns(), Ok(7));
    drop((one, other));
    assert_eq!(folder.open().permit(), Err(Refusal::Armed));
}

#[test]
fn the_first_moment_stands_until_it_is_cleared() {
    let folder = Folder::new();
    let flag = folder.open();
    flag.arm(7);
    flag.arm(8);
    assert_eq!(flag.armed_at_ns(), Ok(7));
    let seen = flag.generation().expect("usable");
    assert_eq!(flag.clear(seen), Ok(true));
    assert_eq!(flag.permit(), Ok(()));
    flag.arm(9);
    assert_eq!(flag.armed_at_ns(), Ok(9));
}

#[test]
fn an_arming_since_it_was_seen_is_not_cleared() {
    let folder = Folder::new();
    let flag = folder.open();
    flag.arm(1);
    let seen = flag.generation().expect("usable");
    folder.open().arm(2);
    assert_eq!(flag.clear(seen), Ok(false));
    assert_eq!(flag.permit(), Err(Refusal::Armed));
}

#[test]
fn the_record_alone_is_a_halt_and_sets_the_flag_of_whoever_comes() {
    let folder = Folder::new();
    let flag = folder.open();
    File::create(folder.record()).expect("a record");
    assert_eq!(flag.permit(), Err(Refusal::Recorded(folder.record())));
    let later = folder.open();
    assert_eq!(later.permit(), Err(Refusal::Armed));
    fs::remove_file(folder.record()).expect("removed");
    assert_eq!(
        flag.permit(),
        Err(Refusal::Armed),
        "only `clear` ends what was set"
    );
}

#[test]
fn a_dangling_link_in_the_place_of_the_record_is_a_halt() {
    let folder = Folder::new();
    let flag = folder.open();
    symlink("nowhere", folder.record()).expect("a link");
    assert_eq!(flag.permit(), Err(Refusal::Recorded(folder.record())));
}

#[test]
fn a_flag_that_is_cut_off_removed_or_replaced_is_a_halt() {
    for bytes in [0, 1, GENERATION_BYTE, FLAG_BYTES - 1, FLAG_BYTES + 1] {
        let folder = Folder::new();
        let flag = folder.open();
        folder.cut(bytes);
        assert!(unusable(&flag).contains("has another length"));
        folder.cut(FLAG_BYTES);
        if bytes <= GENERATION_BYTE {
            assert!(flag.permit().is_err(), "what was lost is zero, and armed");
        }
    }
    let folder = Folder::new();
    let flag = folder.open();
    fs::remove_file(folder.flag()).expect("removed");
    assert!(unusable(&flag).contains("No such file"));
    let fresh = folder.open();
    assert_eq!(fresh.permit(), Ok(()));
    assert!(unusable(&flag).contains("was replaced"));
    flag.arm(5);
    assert_eq!(
        fresh.permit(),
        Err(Refusal::Armed),
        "those who use the new one are told"
    );
}

#[test]
fn a_folder_that_is_gone_or_renamed_is_a_halt() {
    let folder = Folder::new();
    let state = folder.path().join("state");
    fs::create_dir(&state).expect("made");
    let flag = HaltFlag::open(&state.join("halt.flag"), &state.join("halt.json"));
    assert_eq!(flag.permit(), Ok(()));
    fs::rename(&state, folder.path().join("elsewhere")).expect("renamed");
    assert!(unusable(&flag).contains("No such file"));
    flag.arm(1); // nowhere to arm it, and nothing breaks
    assert!(flag.clear(1).is_err());
}

#[test]
fn what_is_no_flag_of_ours_is_a_halt_and_left_as_it_is() {
    let contents: [&[u8]; 4] = [b"", b"short", &[0; 32], &[0xff; 32]];
    for content in contents {
        let folder = Folder::new();
        fs::write(folder.flag(), content).expect("written");
        fs::set_permissions(folder.flag(), Permissions::from_mode(0o600)).expect("private");
        unusable(&folder.open());
        folder.open().arm(1);
        assert_eq!(fs::read(folder.flag()).expect("read"), content);
    }
}

#[test]
fn another_version_is_a_halt() {
    let folder = Folder::new();
    drop(folder.open());
    let mut content = fs::read(folder.flag()).expect("read");
    content[8] += 1;
    fs::write(folder.flag(), content).expect("written");
    assert!(unusable(&folder.open()).contains("no halt flag of this version"));
}

#[test]
fn garbage_written_over_a_flag_in_use_is_a_halt() {
    let folder = Folder::new();
    let flag = folder.open();
    fs::write(folder.flag(), [1; FLAG_BYTES as usize]).expect("written");
    assert!(unusable(&flag).contains("holds something else"));
}

#[test]
fn a_link_a_folder_and_one_that_others_may_write_are_halts() {
    let folder = Folder::new();
    let real = folder.path().join("real");
    drop(HaltFlag::open(&real, &folder.record()));
    symlink(&real, folder.flag()).expect("a link");
    assert!(unusable(&folder.open()).contains("symbolic link"));
    fs::remove_file(folder.flag()).expect("removed");

    fs::create_dir(folder.flag()).expect("a folder");
    unusable(&folder.open());
    fs::remove_dir(folder.flag()).expect("removed");

    fs::rename(&real, folder.flag()).expect("renamed");
    fs::set_permissions(folder.flag(), Permissions::from_mode(0o620)).expect("opened");
    assert!(unusable(&folder.open()).contains("can be written by other users"));
}

#[test]
fn creators_at_once_end_up_with_one_flag() {
    for _ in 0..ROUNDS {
        let folder = Folder::new();
        let barrier = Barrier::new(CREATORS);
        let flags: Vec<HaltFlag> = thread::scope(|scope| {
            let creators: Vec<_> = (0..CREATORS)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        folder.open()
                    })
                })
                .collect();
            let made = creators.into_iter().map(|each| each.join().expect("made"));
            made.collect()
        });
        assert!(flags.iter().all(|flag| flag.permit() == Ok(())));
        flags[0].arm(1);
        assert!(
            flags
                .iter()
                .all(|flag| flag.permit() == Err(Refusal::Armed))
        );
        assert_eq!(folder.names(), ["halt.flag"]);
    }
}

#[test]
fn an_arming_is_never_lost_to_one_who_clears_at_the_same_time() {
    let folder = Folder::new();
    let (arming, clearing) = (folder.open(), folder.open());
    for round in 0..ROUNDS as u64 {
        arming.arm(round);
        let seen = arming.generation().expect("usable");
        let barrier = Barrier::new(2);
        let was_cleared = thread::scope(|scope| {
            scope.spawn(|| {
                barrier.wait();
                arming.arm(round);
            });
            barrier.wait();
            clearing.clear(seen).expect("usable")
        });
        // Whoever came first, the arming is in force: it came after the clearing, or made it fail.
        assert_eq!(
            clearing.permit(),
            Err(Refusal::Armed),
            "cleared: {was_cleared}"
        );
    }
}

#[derive(Clone, Debug)]
enum Step {
    Arm(usize),
    See(usize),
    Clear(usize),
    Record,
    Forget,
    Open(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..2_usize).prop_map(Step::Arm),
        (0..2_usize).prop_map(Step::See),
        (0..2_usize).prop_map(Step::Clear),
        Just(Step::Record),
        Just(Step::Forget),
        (0..2_usize).prop_map(Step::Open),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 128,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    /// Two processes against a model: a halt is what was armed, or adopted from a record, and not cleared by
    /// one who had seen its last arming.
    #[test]
    fn it_is_armed_exactly_when_the_model_is(steps in prop::collection::vec(step(), 1..40)) {
        let folder = Folder::new();
        let mut flags = [folder.open(), folder.open()];
        let mut seen = [flags[0].generation().expect("usable"); 2];
        let (mut is_set, mut is_recorded) = (false, false);
        let mut is_news = [false; 2]; // changed since it was seen
        for each in steps {
            match each {
                Step::Arm(who) => {
                    flags[who].arm(1);
                    (is_set, is_news) = (true, [true; 2]);
                }
                Step::See(who) => {
                    seen[who] = flags[who].generation().expect("usable");
                    is_news[who] = false;
                }
                Step::Clear(who) => {
                    let is_cleared = flags[who].clear(seen[who]).expect("usable");
                    prop_assert_eq!(is_cleared, !is_news[who]);
                    if is_cleared {
                        (is_set, is_news) = (false, [true; 2]);
                    }
                }
                Step::Record => {
                    fs::write(folder.record(), "{}").expect("written");
                    is_recorded = true;
                }
                Step::Forget => {
                    if is_recorded {
                        fs::remove_file(folder.record()).expect("removed");
                    }
                    is_recorded = false;
                }
                Step::Open(who) => {
                    flags[who] = folder.open();
                    if is_recorded && !is_set {
                        (is_set, is_news) = (true, [true; 2]);
                    }
                }
            }
            for flag in &flags {
                prop_assert_eq!(flag.permit().is_err(), is_set || is_recorded);
            }
        }
    }
}
