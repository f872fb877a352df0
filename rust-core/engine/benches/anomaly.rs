//! What a tick costs: each detector of a series, six detectors of constant cost on eight features, and the panel of
//! a series, which is all of them with the change points twice.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use openoutcry_engine::anomaly::change_point::RunLengths;
use openoutcry_engine::anomaly::cusum::{Cusum, DriftParameters};
use openoutcry_engine::anomaly::ewma_z::{EwmaParameters, EwmaZ};
use openoutcry_engine::anomaly::robust_z::RobustZScore;
use openoutcry_engine::anomaly::series::{SeriesPanel, SeriesParameters};
use openoutcry_engine::anomaly::ticks::{FEATURES, TickPanel};
use openoutcry_engine::random::Random;

const TICKS: usize = 4_096;

fn values() -> Vec<f64> {
    let mut random = Random::new(1);
    (0..TICKS)
        .map(|_| (0..12).map(|_| random.unit()).sum::<f64>() - 6.0)
        .collect()
}

/// One iteration is [`TICKS`] updates of a detector that has seen as many.
fn per_tick<Detector: Clone>(
    criterion: &mut Criterion,
    name: &str,
    mut detector: Detector,
    mut update: impl FnMut(&mut Detector, f64),
) {
    let values = values();
    for value in &values {
        update(&mut detector, *value);
    }
    criterion.bench_function(&format!("{name}, {TICKS} ticks"), |bencher| {
        bencher.iter_batched_ref(
            || detector.clone(),
            |detector| values.iter().for_each(|value| update(detector, *value)),
            BatchSize::SmallInput,
        );
    });
}

fn series(criterion: &mut Criterion) {
    for window in [120, 1_000, 100_000] {
        let detector = RobustZScore::new(window, 6.0, 30).expect("in range");
        per_tick(
            criterion,
            &format!("robust z of {window}"),
            detector,
            |detector, value| {
                black_box(detector.place(value)).ok();
            },
        );
    }
    let ewma = EwmaZ::new(EwmaParameters::default()).expect("in range");
    per_tick(criterion, "EWMA z", ewma, |detector, value| {
        black_box(detector.update(value));
    });
    let cusum = Cusum::new(DriftParameters::default()).expect("in range");
    per_tick(criterion, "CUSUM", cusum, |detector, value| {
        black_box(detector.update(value));
    });
    let lengths = RunLengths::new(250.0).expect("in range");
    per_tick(
        criterion,
        "change point, 48 run lengths",
        lengths,
        |detector, value| {
            detector.update(black_box(value));
        },
    );
    let panel = SeriesPanel::new(&SeriesParameters::default()).expect("in range");
    per_tick(criterion, "panel of a series", panel, |panel, value| {
        black_box(panel.update(value)).ok();
    });
}

fn ticks(criterion: &mut Criterion) {
    per_tick(
        criterion,
        "six detectors, 8 features",
        TickPanel::new(),
        |panel, value| {
            let mut features = [value; FEATURES];
            features[5] = 20.0 + value;
            black_box(panel.update(&features));
        },
    );
}

criterion_group!(anomaly, series, ticks);
criterion_main!(anomaly);
