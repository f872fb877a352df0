//! What becomes of a record when its writer is killed, who may read it, and how much room it takes.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use iceoryx2::prelude::*;
use openoutcry_peer_iceoryx2::{Record, blackboard, fill, node, our_reader, our_writer, record};
use openoutcry_shm::book::clean;

const SERVICE: &str = "openoutcry/facts";
const SHARED_MEMORY: &str = "/dev/shm";

fn main() {
    let arguments: Vec<String> = env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("ours") => hold_ours(Path::new(&arguments[2])),
        Some("iceoryx2") => hold_theirs(),
        _ => {
            tell_ours();
            tell_theirs();
        }
    }
}

fn hold_ours(folder: &Path) {
    let mut writer = our_writer(folder, 1);
    writer
        .publish(0, |draft| fill(draft, 1))
        .expect("published");
    ready();
}

fn hold_theirs() {
    let node = node();
    let name = SERVICE.try_into().expect("a name");
    let (_writer, mutable, _reader, _readable) = blackboard(&node, &name);
    mutable.update_with_copy(record(1));
    ready();
}

fn ready() {
    println!("ready");
    thread::sleep(Duration::MAX);
}

fn start(arguments: &[&str]) -> Child {
    let mut child = Command::new(env::current_exe().expect("this program"))
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a writer");
    let mut line = String::new();
    let stdout = child.stdout.as_mut().expect("piped");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    child
}

fn kill(mut child: Child) {
    child.kill().expect("killed");
    child.wait().expect("dead");
}

fn tell_ours() {
    let place = tempfile::tempdir_in(SHARED_MEMORY).expect("a folder");
    let folder = place.path().join("books");
    let child = start(&["ours", &folder.to_string_lossy()]);
    let reader = our_reader(&folder);
    tell_files("ours", &folder);
    println!("ours: alive, the reader says {:?}", reader.writer());
    kill(child);
    println!("ours: killed, the reader says {:?}", reader.writer());
    drop(our_writer(&folder, 1));
    println!(
        "ours: a new writer came and went, the reader says {:?}",
        reader.writer()
    );
    kill(start(&["ours", &folder.to_string_lossy()]));
    println!(
        "ours: killed again, cleaned {} segment(s)",
        clean(&folder).expect("cleaned").len()
    );
}

fn tell_theirs() {
    let before = names(Path::new(SHARED_MEMORY));
    let child = start(&["iceoryx2"]);
    let new = names(Path::new(SHARED_MEMORY));
    for name in new.iter().filter(|name| !before.contains(name)) {
        tell_file("iceoryx2", &Path::new(SHARED_MEMORY).join(name));
    }
    let node = node();
    let name: ServiceName = SERVICE.try_into().expect("a name");
    let open = || {
        node.service_builder(&name)
            .blackboard_opener::<u64>()
            .open()
    };
    let service = open().expect("the service");
    let reader = service.reader_builder().create().expect("a reader");
    let entry = reader.entry::<Record>(&0).expect("the entry");
    println!("iceoryx2: alive, the entry says {}", entry.get().0[0]);
    kill(child);
    println!(
        "iceoryx2: killed, the entry still says {}",
        entry.get().0[0]
    );
    let writer = service.writer_builder().create();
    println!(
        "iceoryx2: killed, a new writer of the service: {:?}",
        writer.map(drop)
    );
    let cleaned = node.try_cleanup_dead_nodes();
    println!("iceoryx2: cleaned dead nodes: {cleaned:?}");
    let writer = service.writer_builder().create();
    println!(
        "iceoryx2: cleaned, a new writer of the service: {:?}",
        writer.map(drop)
    );
}

fn tell_files(what: &str, folder: &Path) {
    for name in names(folder) {
        tell_file(what, &folder.join(name));
    }
}

fn tell_file(what: &str, path: &Path) {
    let found = fs::metadata(path).expect("a file");
    println!(
        "{what}: {} has {} bytes, mode {:o}",
        path.display(),
        found.len(),
        found.mode() & 0o777
    );
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}
