//! What the simulator tells Python, as tuples.

use openoutcry_engine::candle::Candle;
use openoutcry_engine::simulation::{OwnFill, OwnOrder, Refusal, Report};

/// `(now_ns, reasons, instrument)`.
pub(super) type WakeTuple = (i64, u32, usize);
/// `(order_id, side, price_ticks, size_lots, leaves_lots, is_maker, fee_atoms, exchange_ns, local_ns)`.
pub(super) type FillTuple = (i64, &'static str, i64, i64, i64, bool, i128, i64, i64);
/// `(order_id, kind, refusal, side, price_ticks, last_lots, filled_lots, leaves_lots, is_maker, fee_atoms,
/// exchange_ns)`.
pub(super) type ReportTuple = (
    i64,
    &'static str,
    Option<&'static str>,
    &'static str,
    i64,
    i64,
    i64,
    i64,
    bool,
    i128,
    i64,
);
/// `(order_id, side, price_ticks, size_lots, leaves_lots, is_accepted, is_cancelling, sent_ns)`.
pub(super) type OrderTuple = (i64, &'static str, Option<i64>, i64, i64, bool, bool, i64);
/// `(open_ns, close_ns, open, high, low, close, volume_lots, buy_volume_lots, trade_count)`.
pub(super) type CandleTuple = (i64, i64, i64, i64, i64, i64, i64, i64, i64);

pub(super) fn order_tuple(own: &OwnOrder) -> OrderTuple {
    (
        own.id,
        own.order.side.as_str(),
        own.order.price.map(|price| price.0),
        own.order.size.0,
        own.leaves.0,
        own.is_accepted,
        own.is_cancelling,
        own.sent_ns.0,
    )
}

pub(super) fn report_tuple(report: &Report) -> ReportTuple {
    (
        report.id,
        report.kind.as_str(),
        report.kind.refusal().map(Refusal::as_str),
        report.side.as_str(),
        report.price.0,
        report.last.0,
        report.filled.0,
        report.leaves.0,
        report.is_maker,
        report.fee_atoms,
        report.exchange_ns.0,
    )
}

pub(super) fn fill_tuple(fill: &OwnFill) -> FillTuple {
    let report = &fill.report;
    (
        report.id,
        report.side.as_str(),
        report.price.0,
        report.last.0,
        report.leaves.0,
        report.is_maker,
        report.fee_atoms,
        report.exchange_ns.0,
        fill.local_ns.0,
    )
}

pub(super) fn candle_tuple(candle: &Candle) -> CandleTuple {
    (
        candle.open_ns.0,
        candle.close_ns.0,
        candle.open.0,
        candle.high.0,
        candle.low.0,
        candle.close.0,
        candle.volume.0,
        candle.buy_volume.0,
        candle.trade_count,
    )
}
