//! How well queue models tell when an order is filled: phantom orders in a day of LOBSTER's orders by id.
//!
//! `queue_models phantoms|orders MESSAGES BOOKS SEED COUNT FROM_NS TO_NS STAY_NS DEPTH_EVERY_NS [MODEL…]` writes
//! rows of little-endian `i64` on stdout; `benches/queue_models` reads and judges them. A MODEL is `risk-averse`,
//! `power:N`, `power2:N`, `power3:N`, `log` or `log2`; times are since midnight, and -1 is never.
//!
//! - `phantoms`: at, side (0 buy), depth, price, size, ahead, has left view; what filled it first (0 nothing, 1 its
//!   turn in the queue, 2 a trade at a worse price, 3 an order that crossed it); what came to its price first (the
//!   same) and when; then first and whole fill: of the truth, and of each model.
//! - `orders`: at, end (0 withdrawn, 1 traded, 2 unknown), message at its end, message at which the rule fills it.

mod lobster_day;
mod phantom;
mod replay;

use std::error::Error;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use openoutcry_engine::simulation::QueueModel;

use lobster_day::Day;
use phantom::{Fate, Meeting, Phantom};
use replay::{Plan, RealOrder};

const NEVER: i64 = -1;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("queue_models: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [what, messages, books, numbers @ ..] = arguments else {
        return Err("say phantoms or orders, and the two files of a day".into());
    };
    let (plan, models) = plan(numbers)?;
    let day = Day::read(Path::new(messages), Path::new(books))?;
    let rows: Vec<Vec<i64>> = match what.as_str() {
        "phantoms" => replay::phantoms(&day, &plan, &models)
            .iter()
            .map(phantom_row)
            .collect(),
        "orders" => replay::real_orders(&day, &plan)
            .iter()
            .map(order_row)
            .collect(),
        _ => return Err(format!("{what} is neither phantoms nor orders").into()),
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    for number in rows.iter().flatten() {
        out.write_all(&number.to_le_bytes())?;
    }
    out.flush()?;
    Ok(())
}

fn plan(numbers: &[String]) -> Result<(Plan, Vec<QueueModel>), Box<dyn Error>> {
    let [
        seed,
        count,
        from_ns,
        to_ns,
        stay_ns,
        depth_every_ns,
        models @ ..,
    ] = numbers
    else {
        return Err("say seed, count, from, to, stay and depth period (ns), and the models".into());
    };
    let plan = Plan {
        seed: seed.parse()?,
        count: count.parse()?,
        from_ns: from_ns.parse()?,
        to_ns: to_ns.parse()?,
        stay_ns: stay_ns.parse()?,
        depth_every_ns: depth_every_ns.parse()?,
    };
    let models: Result<_, _> = models.iter().map(|name| model(name)).collect();
    Ok((plan, models?))
}

fn model(name: &str) -> Result<QueueModel, Box<dyn Error>> {
    let (family, exponent) = match name.split_once(':') {
        Some((family, exponent)) => (family, Some(exponent.parse()?)),
        None => (name, None),
    };
    Ok(QueueModel::parse(family, exponent)?)
}

fn phantom_row(phantom: &Phantom) -> Vec<i64> {
    let place = phantom.place;
    let code = |meeting| match meeting {
        None => 0,
        Some(Meeting::AtPrice) => 1,
        Some(Meeting::Through) => 2,
        Some(Meeting::Cross) => 3,
    };
    let touched = phantom.touched.unzip();
    let mut row = vec![
        place.at_ns,
        place.side as i64,
        place.depth as i64,
        place.price,
        place.size,
        place.ahead,
        i64::from(phantom.has_left_view),
        code(phantom.cause),
        code(touched.0),
        touched.1.unwrap_or(NEVER),
    ];
    for Fate {
        first_ns, whole_ns, ..
    } in [&phantom.truth].into_iter().chain(&phantom.believed)
    {
        row.extend([first_ns.unwrap_or(NEVER), whole_ns.unwrap_or(NEVER)]);
    }
    row
}

fn order_row(order: &RealOrder) -> Vec<i64> {
    let number = |number: usize| number as i64;
    vec![
        order.at_ns,
        order.end as i64,
        number(order.ended),
        order.reached.map_or(NEVER, number),
    ]
}
