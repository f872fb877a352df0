"""The report of the queue models as Markdown."""

from collections.abc import Iterator

HEAD = (
    "model",
    "fills",
    "bias, pp (95 %)",
    "where the queue decides, pp (95 %)",
    "false",
    "missed",
    "time to fill: median, p90",
    "Brier",
    "whole order, pp",
)
HIDDEN = "–"


def markdown(report: dict) -> str:
    """All of it."""
    return "\n\n".join([real_orders(report["real_orders"]), *map(run, report["runs"])]) + "\n"


def real_orders(counts: dict) -> str:
    """How far the truth can be trusted."""
    early = counts["withdrawn"] - counts["withdrawn_agree"]
    return (
        f"Real orders taken for phantoms: of {counts['traded']:,} that traded, the rule fills "
        f"{counts['traded_agree']:,} at the very message; of {counts['withdrawn']:,} that were withdrawn, it "
        f"fills {early:,}. How {counts['unknown']:,} more ended is not recorded."
    )


def run(found: dict) -> str:
    """One speed of the depth stream."""
    every_ms = found["depth_every_ms"]
    told = f"every {every_ms} ms" if every_ms else "after each message"
    fitted = ", ".join(f"{each['model']} ({each['loss']:.2f} pp)" for each in found["fitted"].values())
    title = (
        f"**Sizes of levels told {told}**; {found['phantoms']['judge']:,} phantoms. Fitted on the first half "
        f"(root mean squared bias there): {fitted}."
    )
    horizons = dict.fromkeys(each["horizon_s"] for each in found["scores"])
    return "\n\n".join([title, *("\n".join(horizon(found, horizon_s)) for horizon_s in horizons)])


def horizon(found: dict, horizon_s: int) -> Iterator[str]:
    """The table of one horizon, with its title and the interval below."""
    scores = [each for each in found["scores"] if each["horizon_s"] == horizon_s]
    first = scores[0]
    yield (
        f"Within {horizon_s} s: truth {first['truth']:.2f} % filled; the queue decides for "
        f"{first['queue_phantoms']:,}, of which {first['queue_truth']:.2f} % (Brier of the true rates "
        f"{first['brier_floor']:.4f})."
    )
    yield ""
    yield f"| {' | '.join(HEAD)} |"
    yield f"|{'---|' * len(HEAD)}"
    fitted = {each["model"] for each in found["fitted"].values()}
    for each in scores:
        yield row(each, is_fitted=each["model"] in fitted)
    (interval,) = (each for each in found["intervals"] if each["horizon_s"] == horizon_s)
    is_in = interval["low"] <= interval["truth"] <= interval["high"]
    yield ""
    yield (
        f"[risk-averse, {found['best']}] is [{interval['low']:.2f}, {interval['high']:.2f}] %: the truth is "
        f"{'in' if is_in else 'not in'} it."
    )


def row(score: dict, *, is_fitted: bool) -> str:
    """One model."""

    def signed(value: float | None) -> str:
        return HIDDEN if value is None else f"{value:+.2f}"

    columns = (
        f"{score['model']}{' (fitted)' if is_fitted else ''}",
        f"{score['filled']:.2f} %",
        f"{signed(score['bias'])} ({signed(score['bias_low'])} to {signed(score['bias_high'])})",
        f"{signed(score['queue_bias'])} ({signed(score['queue_low'])} to {signed(score['queue_high'])})",
        f"{score['false_fills']:.2f} %",
        f"{score['missed_fills']:.2f} %",
        f"{signed(score['median_error_s'])} s, {signed(score['p90_error_s'])} s",
        f"{score['brier']:.4f}",
        signed(score["whole_bias"]),
    )
    return f"| {' | '.join(columns)} |"
