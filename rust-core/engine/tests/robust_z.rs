//! The robust z-score against its definition.

use openoutcry_engine::anomaly::DetectorError;
use openoutcry_engine::anomaly::robust_z::RobustZScore;
use proptest::prelude::*;

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    }
}

/// By the book: (x - median) / (1.4826 · MAD), or by the mean deviation where the MAD is zero.
fn definition(window: &[f64], value: f64) -> f64 {
    let centre = median(window);
    let deviations: Vec<f64> = window.iter().map(|other| (other - centre).abs()).collect();
    let mad = median(&deviations);
    let mean = deviations.iter().sum::<f64>() / deviations.len() as f64;
    let scale = if mad > 0.0 {
        1.4826 * mad
    } else {
        1.2533 * mean
    };
    if scale > 0.0 {
        (value - centre) / scale
    } else {
        0.0
    }
}

fn detector(window: usize, threshold: f64, min_samples: usize) -> RobustZScore {
    RobustZScore::new(window, threshold, min_samples).expect("parameters are in range")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_is_what_the_definition_says(
        values in prop::collection::vec(prop_oneof![Just(0.0), Just(1.0), -10.0..10.0_f64, -1e6..1e6_f64], 1..200),
        window in 3_usize..40,
        threshold in 0.5..8.0_f64,
    ) {
        let min_samples = window.div_ceil(2);
        let mut detector = detector(window, threshold, min_samples);
        for (index, value) in values.iter().enumerate() {
            let seen = &values[index.saturating_sub(window)..index];
            let outlier = detector.update(*value).expect("finite");
            if seen.len() < min_samples {
                prop_assert_eq!(outlier, None);
                continue;
            }
            let z = definition(seen, *value);
            if (z.abs() - threshold).abs() < 1e-9 * z.abs() { continue }
            prop_assert_eq!(outlier.is_some(), z.abs() > threshold, "z {}", z);
            if let Some(outlier) = outlier {
                prop_assert!((outlier.z - z).abs() <= 1e-9 * z.abs());
                prop_assert!(0.0 < outlier.score && outlier.score < 1.0);
            }
        }
    }
}

#[test]
fn a_value_that_is_not_finite_is_refused_and_not_learnt() {
    let mut detector = detector(5, 3.0, 3);
    for value in [1.0, 2.0, 3.0] {
        assert_eq!(detector.update(value), Ok(None));
    }
    let before = format!("{detector:?}");
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(matches!(
            detector.update(value),
            Err(DetectorError::Value(_))
        ));
    }
    assert_eq!(before, format!("{detector:?}"));
}

#[test]
fn values_as_large_as_they_get_do_no_harm() {
    let mut detector = detector(4, 3.0, 3);
    for value in [
        f64::MAX,
        f64::MIN,
        f64::MAX,
        f64::MIN,
        f64::MAX,
        0.0,
        f64::MIN,
    ] {
        if let Some(outlier) = detector.update(value).expect("finite") {
            assert!(outlier.z.is_finite() && (0.0..=1.0).contains(&outlier.score));
        }
    }
}

#[test]
fn a_constant_window_has_no_scale_to_judge_by() {
    let mut detector = detector(10, 3.0, 3);
    for _ in 0..10 {
        assert_eq!(detector.update(5.0), Ok(None));
    }
    assert_eq!(detector.update(6.0), Ok(None));
    assert!(
        detector.update(60.0).expect("finite").is_some(),
        "one other value gives a scale"
    );
}

#[test]
fn parameters_out_of_range_are_refused() {
    assert_eq!(
        RobustZScore::new(2, 3.0, 1).map(|_| ()),
        Err(DetectorError::Window(2))
    );
    assert!(matches!(
        RobustZScore::new(usize::MAX, 3.0, 1),
        Err(DetectorError::Window(_))
    ));
    assert!(matches!(
        RobustZScore::new(10, 0.0, 1),
        Err(DetectorError::Threshold(_))
    ));
    assert!(matches!(
        RobustZScore::new(10, f64::INFINITY, 1),
        Err(DetectorError::Threshold(_))
    ));
    assert!(matches!(
        RobustZScore::new(10, 3.0, 0),
        Err(DetectorError::MinSamples { .. })
    ));
    assert!(matches!(
        RobustZScore::new(10, 3.0, 11),
        Err(DetectorError::MinSamples { .. })
    ));
}
