//! Time to write and to read the newest record.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use openoutcry_peer_iceoryx2::{
    RECORD_WORDS, Record, blackboard, fill, history_of_one, node, our_reader, our_writer, record,
    service_name,
};

fn write(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("write");
    let folder = tempfile::tempdir_in("/dev/shm").expect("a folder");
    let mut ours = our_writer(&folder.path().join("books"), 1);
    let mut number = 0;
    group.bench_function("ours", |bencher| {
        bencher.iter(|| {
            number += 1;
            ours.publish(0, |draft| fill(draft, black_box(number)))
        });
    });
    let node = node();
    let (_writer, mutable, _reader, _readable) = blackboard(&node, &service_name("write"));
    group.bench_function("iceoryx2 blackboard", |bencher| {
        bencher.iter(|| {
            number += 1;
            mutable.update_with_copy(record(black_box(number)));
        });
    });
    let (publisher, _subscriber) = history_of_one(&node, &service_name("publish"));
    group.bench_function("iceoryx2 publish", |bencher| {
        bencher.iter(|| {
            number += 1;
            let sample = publisher.loan_uninit().expect("room");
            sample.write_payload(record(black_box(number))).send()
        });
    });
    group.finish();
}

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read");
    let folder = tempfile::tempdir_in("/dev/shm").expect("a folder");
    let mut ours = our_writer(&folder.path().join("books"), 1);
    ours.publish(0, |draft| fill(draft, 1)).expect("published");
    let reader = our_reader(&folder.path().join("books"));
    let mut words = [0; RECORD_WORDS];
    group.bench_function("ours", |bencher| {
        bencher.iter(|| {
            let reading = reader.read(0, black_box(&mut words));
            black_box(&words);
            reading
        });
    });
    let node = node();
    let (_writer, mutable, _reader, readable) = blackboard(&node, &service_name("read"));
    mutable.update_with_copy(record(1));
    group.bench_function("iceoryx2 blackboard", |bencher| {
        bencher.iter(|| black_box::<Record>(*readable.get()));
    });
    group.finish();
}

/// A subscriber takes each sample once, so it can only be timed together with the publication.
fn write_and_read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("write and read");
    let folder = tempfile::tempdir_in("/dev/shm").expect("a folder");
    let mut ours = our_writer(&folder.path().join("books"), 1);
    let reader = our_reader(&folder.path().join("books"));
    let (mut words, mut number) = ([0; RECORD_WORDS], 0);
    group.bench_function("ours", |bencher| {
        bencher.iter(|| {
            number += 1;
            ours.publish(0, |draft| fill(draft, black_box(number)))
                .expect("published");
            let reading = reader.read(0, black_box(&mut words));
            black_box(&words);
            reading
        });
    });
    let node = node();
    let (_writer, mutable, _reader, readable) = blackboard(&node, &service_name("both"));
    group.bench_function("iceoryx2 blackboard", |bencher| {
        bencher.iter(|| {
            number += 1;
            mutable.update_with_copy(record(black_box(number)));
            black_box::<Record>(*readable.get())
        });
    });
    let (publisher, subscriber) = history_of_one(&node, &service_name("history"));
    group.bench_function("iceoryx2 publish-subscribe", |bencher| {
        bencher.iter(|| {
            number += 1;
            let sample = publisher.loan_uninit().expect("room");
            sample
                .write_payload(record(black_box(number)))
                .send()
                .expect("sent");
            let sample = subscriber.receive().expect("received").expect("a sample");
            black_box::<Record>(*sample.payload())
        });
    });
    group.finish();
}

criterion_group!(benches, write, read, write_and_read);
criterion_main!(benches);
