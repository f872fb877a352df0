use proptest::prelude::*;

use super::*;

fn parent(total: i64, min: i64, start: i64, end: i64) -> Parent {
    Parent {
        total: SizeLots(total),
        start: TimestampNs(start),
        end: TimestampNs(end),
        min: SizeLots(min),
        jitter: 0.0,
        seed: 0,
    }
}

fn pairs(schedule: &Schedule) -> Vec<(i64, i64)> {
    schedule
        .children()
        .iter()
        .map(|child| (child.at.0, child.size.0))
        .collect()
}

/// What every schedule must be, whatever was asked.
fn assert_sound(parent: &Parent, schedule: &Schedule) {
    let children = schedule.children();
    let sum: i128 = children.iter().map(|child| i128::from(child.size.0)).sum();
    assert_eq!(sum, i128::from(parent.total.0));
    let all_large = children.iter().all(|child| child.size >= parent.min);
    assert!(all_large || (children.len() == 1 && children[0].size == parent.total));
    assert!(
        children
            .iter()
            .all(|child| child.at >= parent.start && child.at < parent.end)
    );
    assert!(children.windows(2).all(|pair| pair[0].at < pair[1].at));
}

/// No prefix is off its exact share by more than a slice and the least child.
fn assert_on_target(parent: &Parent, schedule: &Schedule, weights: &[f64]) {
    let total = parent.total.0 as f64;
    let sum: f64 = weights.iter().sum();
    let length = i128::from(parent.end.0) - i128::from(parent.start.0);
    let count = weights.len() as i128;
    let largest = weights.iter().copied().fold(0.0, f64::max) / sum * total;
    let mut children = schedule.children().iter().peekable();
    let (mut sent, mut target) = (0.0, 0.0);
    for (index, weight) in weights.iter().enumerate() {
        target += weight / sum * total;
        let slot_end = i128::from(parent.start.0) + length * (index as i128 + 1) / count;
        while let Some(child) = children.next_if(|child| i128::from(child.at.0) < slot_end) {
            sent += child.size.0 as f64;
        }
        let allowed = largest + parent.min.0 as f64 + 1.0 + total * 1e-9;
        assert!(
            (sent - target).abs() <= allowed,
            "slot {index}: {sent} sent of {target}"
        );
    }
}

#[test]
fn equal_slices_take_the_rounding_evenly() {
    let schedule = twap(&parent(10, 1, 0, 400), 4).expect("a schedule");
    assert_eq!(pairs(&schedule), [(0, 3), (100, 2), (200, 3), (300, 2)]);
}

#[test]
fn peers_failures_do_not_happen() {
    // The last slice is sent, none falls beyond the horizon, and none rounds to zero.
    let ten = twap(&parent(100, 1, 0, 600), 10).expect("a schedule");
    assert_eq!(
        pairs(&ten),
        (0..10).map(|slot| (slot * 60, 10)).collect::<Vec<_>>()
    );
    let seven = twap(&parent(1_000, 1, 0, 700), 7).expect("a schedule");
    assert_eq!((seven.children().len(), seven.children()[6].at.0), (7, 600));
    let scarce = twap(&parent(5, 1, 0, 600), 10).expect("a schedule");
    assert_eq!(
        pairs(&scarce),
        [(0, 1), (120, 1), (240, 1), (360, 1), (480, 1)]
    );
}

#[test]
fn a_parent_below_the_least_size_is_one_child_at_the_start() {
    assert_eq!(
        pairs(&twap(&parent(5, 8, 100, 200), 7).expect("a schedule")),
        [(100, 5)]
    );
    assert_eq!(
        pairs(&vwap(&parent(5, 8, 100, 200), &[1.0, 2.0]).expect("a schedule")),
        [(100, 5)]
    );
}

#[test]
fn weights_shape_the_slices() {
    let schedule = vwap(&parent(100, 1, 0, 400), &[1.0, 0.0, 2.0, 1.0]).expect("a schedule");
    assert_eq!(pairs(&schedule), [(0, 25), (200, 50), (300, 25)]);
}

#[test]
fn a_slice_below_the_least_size_waits_and_the_tail_joins_the_last() {
    let schedule = vwap(&parent(100, 30, 0, 500), &[1.0, 1.0, 1.0, 1.0, 1.0]).expect("a schedule");
    assert_eq!(pairs(&schedule), [(100, 40), (300, 60)]);
}

#[test]
fn the_extremes_of_the_units_are_exact() {
    let widest = parent(i64::MAX, 1, i64::MIN, i64::MAX);
    let even = twap(&widest, MAX_SLICES).expect("a schedule");
    assert_eq!(even.children().len(), MAX_SLICES);
    assert_sound(&widest, &even);
    let uneven = Parent {
        jitter: 0.999_999_999_999_999_9,
        ..widest
    };
    assert_sound(
        &uneven,
        &vwap(&uneven, &[f64::MAX, 5e-324, f64::MAX]).expect("a schedule"),
    );
    let crowded = Parent {
        jitter: 0.999,
        ..parent(1_000, 1, 0, 1_000)
    };
    assert_sound(&crowded, &twap(&crowded, 1_000).expect("a schedule"));
}

#[test]
fn what_cannot_be_sliced_is_refused() {
    let good = parent(10, 1, 0, 100);
    assert_eq!(
        twap(
            &Parent {
                total: SizeLots(0),
                ..good
            },
            1
        ),
        Err(ScheduleError::Total(0))
    );
    assert_eq!(
        twap(
            &Parent {
                total: SizeLots(-5),
                ..good
            },
            1
        ),
        Err(ScheduleError::Total(-5))
    );
    assert_eq!(
        twap(
            &Parent {
                min: SizeLots(0),
                ..good
            },
            1
        ),
        Err(ScheduleError::Min(0))
    );
    assert_eq!(twap(&good, 0), Err(ScheduleError::Slices(0)));
    assert_eq!(
        twap(&good, MAX_SLICES + 1),
        Err(ScheduleError::Slices(MAX_SLICES + 1))
    );
    let backwards = Parent {
        end: TimestampNs(-1),
        ..good
    };
    assert_eq!(
        twap(&backwards, 1),
        Err(ScheduleError::EmptyInterval { start: 0, end: -1 })
    );
    let short = Parent {
        end: TimestampNs(3),
        ..good
    };
    assert_eq!(
        twap(&short, 4),
        Err(ScheduleError::ShortInterval {
            length_ns: 3,
            slots: 4
        })
    );
    assert_eq!(
        twap(
            &Parent {
                jitter: 1.0,
                ..good
            },
            1
        ),
        Err(ScheduleError::Jitter(1.0))
    );
    assert!(matches!(
        twap(
            &Parent {
                jitter: f64::NAN,
                ..good
            },
            1
        ),
        Err(ScheduleError::Jitter(_))
    ));
}

#[test]
fn weights_that_say_nothing_are_refused() {
    let good = parent(10, 1, 0, 100);
    assert_eq!(vwap(&good, &[]), Err(ScheduleError::Slices(0)));
    assert_eq!(vwap(&good, &[0.0, 0.0]), Err(ScheduleError::ZeroWeights));
    for weight in [f64::NAN, f64::INFINITY, -1.0] {
        assert!(matches!(
            vwap(&good, &[1.0, weight]),
            Err(ScheduleError::Weight { index: 1, .. })
        ));
    }
}

prop_compose! {
    fn any_parent()(
        total in prop_oneof![1_i64..50, 1_i64..1_000_000, (i64::MAX - 1_000)..=i64::MAX],
        min in prop_oneof![Just(1_i64), 1_i64..1_000, 1_i64..=i64::MAX],
        start in prop_oneof![Just(i64::MIN), -1_000_i64..1_000, Just(1_723_161_600_000_000_000_i64)],
        length in prop_oneof![300_i64..2_000, 1_000_000_000_i64..600_000_000_000],
        jitter in prop_oneof![Just(0.0), 0.0..1.0_f64],
        seed in any::<u64>(),
    ) -> Parent {
        Parent { jitter, seed, ..parent(total, min, start, start + length) }
    }
}

proptest! {
    #[test]
    fn every_twap_is_sound(parent in any_parent(), slices in 1_usize..300) {
        let schedule = twap(&parent, slices).expect("a schedule");
        assert_sound(&parent, &schedule);
        let sizes = || schedule.children().iter().map(|child| child.size.0);
        prop_assert!(sizes().max().unwrap_or(0) - sizes().min().unwrap_or(0) <= 1);
        prop_assert!(schedule.children().len() <= slices);
        assert_on_target(&parent, &schedule, &vec![1.0; schedule.children().len()]);
        prop_assert_eq!(&schedule, &twap(&parent, slices).expect("a schedule"));
    }

    #[test]
    fn every_vwap_is_sound(
        parent in any_parent(),
        mut weights in prop::collection::vec(prop_oneof![Just(0.0), 0.0..1.0_f64, 0.0..1e300_f64], 1..300),
        positive in any::<prop::sample::Index>(),
    ) {
        let index = positive.index(weights.len());
        weights[index] = 0.5;
        let schedule = vwap(&parent, &weights).expect("a schedule");
        assert_sound(&parent, &schedule);
        let total = parent.total.0;
        if parent.min.0 < total {
            let largest = weights.iter().copied().fold(0.0, f64::max);
            let scaled: Vec<f64> = weights.iter().map(|weight| weight / largest).collect();
            assert_on_target(&parent, &schedule, &scaled);
        }
    }

    #[test]
    fn jitter_moves_times_and_nothing_else(parent in any_parent(), slices in 1_usize..300) {
        let plain = twap(&Parent { jitter: 0.0, ..parent }, slices).expect("a schedule");
        let moved = twap(&parent, slices).expect("a schedule");
        let sizes = |schedule: &Schedule| schedule.children().iter().map(|c| c.size).collect::<Vec<_>>();
        prop_assert_eq!(sizes(&plain), sizes(&moved));
    }
}
