//! The detectors of plain series: each fires on a planted pattern and not on its calm counterpart, and is what its
//! definition says.

use openoutcry_engine::anomaly::Finding;
use openoutcry_engine::anomaly::change_point::{
    ChangePoint, ChangePointParameters, MAX_HYPOTHESES, RunLengths,
};
use openoutcry_engine::anomaly::cusum::{Cusum, DriftParameters, PageHinkley};
use openoutcry_engine::anomaly::ewma_z::{EwmaParameters, EwmaZ};
use openoutcry_engine::anomaly::series::{SeriesPanel, SeriesParameters};
use openoutcry_engine::anomaly::ticks::{FEATURES, TickPanel};
use openoutcry_engine::random::Random;
use proptest::prelude::*;

/// About normal, with deviation 1: the sum of twelve uniform numbers.
fn noise(random: &mut Random) -> f64 {
    (0..12).map(|_| random.unit()).sum::<f64>() - 6.0
}

fn noises(seed: u64, count: usize) -> Vec<f64> {
    let mut random = Random::new(seed);
    (0..count).map(|_| noise(&mut random)).collect()
}

/// Values that `update` called an alarm.
fn alarms(values: &[f64], mut update: impl FnMut(f64) -> Option<Finding>) -> Vec<usize> {
    let judged = values.iter().enumerate();
    judged
        .filter(|(_, value)| update(**value).is_some_and(|finding| finding.is_alarm()))
        .map(|(row, _)| row)
        .collect()
}

fn ewma_z() -> EwmaZ {
    EwmaZ::new(EwmaParameters::default()).expect("in range")
}

fn cusum() -> Cusum {
    Cusum::new(DriftParameters::default()).expect("in range")
}

fn page_hinkley() -> PageHinkley {
    PageHinkley::new(DriftParameters::default()).expect("in range")
}

fn change_point() -> ChangePoint {
    ChangePoint::new(ChangePointParameters::default()).expect("in range")
}

fn series_panel() -> SeriesPanel {
    SeriesPanel::new(&SeriesParameters::default()).expect("in range")
}

#[test]
fn an_outlier_is_the_ewmas_and_no_drift() {
    let mut values = noises(1, 1_000);
    values[700] = 12.0;
    let (mut ewma, mut cusum) = (ewma_z(), cusum());
    assert_eq!(alarms(&values, |value| ewma.update(value)), [700]);
    assert_eq!(alarms(&values, |value| cusum.update(value)), [0_usize; 0]);
}

#[test]
fn a_drift_is_the_sums_and_no_outlier() {
    let mut values = noises(2, 1_000);
    for value in &mut values[600..] {
        *value += 1.5;
    }
    let (mut ewma, mut cusum, mut hinkley) = (ewma_z(), cusum(), page_hinkley());
    assert!(alarms(&values, |value| ewma.update(value)).is_empty());
    let (seen, seen_too) = (
        alarms(&values, |value| cusum.update(value)),
        alarms(&values, |value| hinkley.update(value)),
    );
    assert!((600..640).contains(&seen[0]), "{seen:?}");
    assert!((600..640).contains(&seen_too[0]), "{seen_too:?}");
}

#[test]
fn page_hinkley_learns_the_new_level_and_cusum_goes_on() {
    let mut values = noises(3, 1_500);
    for value in &mut values[600..] {
        *value += 3.0;
    }
    let (mut cusum, mut hinkley) = (cusum(), page_hinkley());
    assert_eq!(alarms(&values, |value| hinkley.update(value)).len(), 1);
    assert!(alarms(&values, |value| cusum.update(value)).len() > 1);
}

#[test]
fn calm_noise_is_nobodys_alarm() {
    for seed in 10..20 {
        let values = noises(seed, 3_000);
        let (mut ewma, mut cusum, mut hinkley) = (ewma_z(), cusum(), page_hinkley());
        let mut change = change_point();
        assert!(alarms(&values, |value| ewma.update(value)).is_empty());
        assert!(alarms(&values, |value| cusum.update(value)).len() <= 1);
        assert!(alarms(&values, |value| hinkley.update(value)).len() <= 1);
        assert!(
            alarms(&values, |value| change.update(value)).is_empty(),
            "{seed}"
        );
    }
}

#[test]
fn a_change_of_mean_or_of_variance_is_a_change_point() {
    let mut shifted = noises(4, 900);
    let mut widened = shifted.clone();
    for value in &mut shifted[500..] {
        *value += 4.0;
    }
    for value in &mut widened[500..] {
        *value *= 6.0;
    }
    for values in [shifted, widened] {
        let mut change = change_point();
        let seen = alarms(&values, |value| change.update(value));
        assert!(
            seen.first().is_some_and(|row| (500..530).contains(row)),
            "{seen:?}"
        );
        assert!(seen.iter().all(|row| (500..530).contains(row)), "{seen:?}");
    }
}

#[test]
fn one_outlier_is_no_change_point() {
    let mut values = noises(5, 900);
    values[500] = 15.0;
    let mut change = change_point();
    assert!(alarms(&values, |value| change.update(value)).is_empty());
}

/// The recursion as the paper has it: every run length, no pruning, logarithms and gamma functions.
struct Oracle {
    hazard: f64,
    /// (log probability, mean, kappa, alpha, beta) by run length.
    runs: Vec<(f64, f64, f64, f64, f64)>,
}

impl Oracle {
    fn new(mean_run_length: f64) -> Self {
        Self {
            hazard: 1.0 / mean_run_length,
            runs: vec![(0.0, 0.0, 1.0, 1.0, 1.0)],
        }
    }

    fn update(&mut self, value: f64) {
        let mut next = vec![(f64::NEG_INFINITY, 0.0, 1.0, 1.0, 1.0)];
        let mut total = 0.0;
        for (log_probability, mean, kappa, alpha, beta) in &self.runs {
            let joint = log_probability
                + log_student(
                    value,
                    *mean,
                    beta * (kappa + 1.0) / (alpha * kappa),
                    2.0 * alpha,
                );
            total += joint.exp();
            let step = value - mean;
            next.push((
                joint + (1.0 - self.hazard).ln(),
                mean + step / (kappa + 1.0),
                kappa + 1.0,
                alpha + 0.5,
                beta + kappa * step * step / (2.0 * (kappa + 1.0)),
            ));
        }
        next[0].0 = (total * self.hazard).ln();
        for run in &mut next {
            run.0 -= total.ln();
        }
        self.runs = next;
    }

    fn between(&self, from: usize, to: usize) -> f64 {
        let runs = self.runs.iter().enumerate();
        runs.filter(|(run, _)| (from..=to).contains(run))
            .map(|(_, run)| run.0.exp())
            .sum()
    }
}

fn log_student(value: f64, mean: f64, scale_squared: f64, nu: f64) -> f64 {
    log_gamma(f64::midpoint(nu, 1.0))
        - log_gamma(nu / 2.0)
        - 0.5 * (nu * std::f64::consts::PI * scale_squared).ln()
        - f64::midpoint(nu, 1.0) * ((value - mean).powi(2) / (nu * scale_squared)).ln_1p()
}

/// Of halves of whole numbers, by the recursion from 1/2 and 1.
fn log_gamma(half: f64) -> f64 {
    let (mut at, mut sum) = if (half.fract()).abs() < 0.25 {
        (1.0, 0.0)
    } else {
        (0.5, std::f64::consts::PI.sqrt().ln())
    };
    while at + 0.25 < half {
        sum += f64::ln(at);
        at += 1.0;
    }
    sum
}

#[test]
fn pruned_run_lengths_are_those_of_the_paper() {
    let mut values = noises(6, 400);
    for value in &mut values[150..] {
        *value += 3.0;
    }
    for value in &mut values[280..] {
        *value = *value * 0.3 - 5.0;
    }
    let mut lengths = RunLengths::new(100.0).expect("in range");
    let mut oracle = Oracle::new(100.0);
    for (row, value) in values.iter().enumerate() {
        lengths.update(*value);
        oracle.update(*value);
        assert!(lengths.hypotheses().count() <= MAX_HYPOTHESES);
        let exact = row < MAX_HYPOTHESES - 2;
        let tolerance = if exact { 1e-6 } else { 0.03 };
        for (from, to) in [(0, 3), (4, 20), (21, 1_000)] {
            let (ours, theirs) = (
                lengths.probability_between(from, to),
                oracle.between(from, to),
            );
            assert!(
                (ours - theirs).abs() < tolerance,
                "row {row}, {from} to {to}: {ours} {theirs}"
            );
        }
    }
}

#[test]
fn a_constant_for_ever_stays_finite() {
    let mut lengths = RunLengths::new(250.0).expect("in range");
    for _ in 0..20_000 {
        lengths.update(0.0);
    }
    lengths.update(1e300);
    lengths.update(f64::NAN);
    lengths.update(f64::NEG_INFINITY);
    let total: f64 = lengths
        .hypotheses()
        .map(|(_, probability)| probability)
        .sum();
    assert!(total.is_finite() && total > 0.9, "{total}");
}

#[test]
fn a_series_tells_a_disturbance_once() {
    let mut values = noises(7, 1_200);
    for value in &mut values[800..830] {
        *value += 15.0;
    }
    let mut panel = series_panel();
    let told: Vec<_> = values
        .iter()
        .filter_map(|value| panel.update(*value).expect("finite"))
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].at_ns.0, 800);
    assert!(told[0].text().contains("value 14.95"), "{}", told[0].text());
}

#[test]
fn a_calm_series_is_silent() {
    for seed in 30..35 {
        let mut panel = series_panel();
        for value in noises(seed, 2_000) {
            assert_eq!(panel.update(value).expect("finite"), None);
            assert!(panel.score() < 0.5);
        }
    }
}

#[test]
fn ticks_see_what_is_planted_and_nothing_in_the_calm() {
    let mut random = Random::new(8);
    let mut calm = || -> [f64; FEATURES] {
        let mut tick = [0.0; FEATURES];
        for value in &mut tick {
            *value = 10.0 + noise(&mut random);
        }
        tick
    };
    let mut panel = TickPanel::new();
    for _ in 0..3_000 {
        let tick = calm();
        assert!(
            !panel
                .update(&tick)
                .is_some_and(|finding| finding.is_alarm())
        );
    }
    let mut burst = calm();
    burst[5] = 60.0;
    burst[6] = 14.0;
    assert!(
        panel
            .update(&burst)
            .is_some_and(|finding| finding.is_alarm())
    );
    let before = format!("{panel:?}");
    assert_eq!(panel.update(&[f64::NAN; FEATURES]), None);
    assert_eq!(before, format!("{panel:?}"), "nothing learnt");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn scores_are_scores_and_the_same_again(
        values in prop::collection::vec(
            prop_oneof![Just(0.0), Just(f64::MAX), Just(f64::MIN), Just(f64::MIN_POSITIVE), -10.0..10.0_f64, -1e12..1e12_f64],
            1..400,
        ),
    ) {
        let (mut panel, mut again) = (series_panel(), series_panel());
        for value in values {
            let told = panel.update(value).expect("finite");
            prop_assert_eq!(told, again.update(value).expect("finite"));
            prop_assert!((0.0..=1.0).contains(&panel.score()));
            prop_assert!((0.0..=1.0).contains(&panel.verdict().score));
            if let Some(told) = told {
                prop_assert!(told.score >= 0.5 && !told.text().contains("NaN"));
            }
        }
        prop_assert!(panel.update(f64::NAN).is_err());
    }

    #[test]
    fn scale_and_offset_do_not_matter(seed in 0_u64..1_000, scale in 1e-3..1e3_f64, offset in -1e3..1e3_f64) {
        let values = noises(seed, 300);
        let (mut plain, mut moved) = (ewma_z(), ewma_z());
        for value in values {
            let (one, other) = (plain.update(value), moved.update(value * scale + offset));
            prop_assert_eq!(one.is_some(), other.is_some());
            if let (Some(one), Some(other)) = (one, other) {
                prop_assert!((one.score - other.score).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn parameters_out_of_range_are_refused() {
    let drift = DriftParameters {
        limit: f64::NAN,
        ..DriftParameters::default()
    };
    assert!(Cusum::new(drift).is_err() && PageHinkley::new(drift).is_err());
    let change = ChangePointParameters {
        recent: 2,
        ..ChangePointParameters::default()
    };
    assert!(ChangePoint::new(change).is_err());
    assert!(RunLengths::new(1.0).is_err());
    let ewma = EwmaParameters {
        threshold: -1.0,
        ..EwmaParameters::default()
    };
    let error = EwmaZ::new(ewma)
        .map(|_| ())
        .expect_err("refused")
        .to_string();
    assert_eq!(error, "threshold must be in [0.1, 1000000], got -1");
    let series = SeriesParameters {
        window: 2,
        ..SeriesParameters::default()
    };
    assert!(SeriesPanel::new(&series).is_err());
}
