//! What Python is told of orders.

use openoutcry_engine::simulation::{OwnOrder, Refusal, Report};
use openoutcry_engine::units::Side;

/// `(order_id, kind, refusal, side, price_ticks, last_lots, filled_lots, leaves_lots, is_maker, exchange_ns)`.
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
    i64,
);
/// `(order_id, side, price_ticks, size_lots, leaves_lots, is_accepted, is_cancelling, sent_ns)`.
pub(super) type OrderTuple = (i64, &'static str, Option<i64>, i64, i64, bool, bool, i64);

/// One of our orders, as the trader knows it.
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

/// What the venue said of one.
pub(super) fn report_tuple(report: &Report) -> ReportTuple {
    (
        report.id,
        report.kind.as_str(),
        report.kind.refusal().map(Refusal::as_str),
        Side::as_str(report.side),
        report.price.0,
        report.last.0,
        report.filled.0,
        report.leaves.0,
        report.is_maker,
        report.exchange_ns.0,
    )
}
