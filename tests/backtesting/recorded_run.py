"""A small run, written through the real journals: four candles, two orders, one round trip."""

from openoutcry.assembly.paths import RunRecord, create_run, end_record, write_record
from openoutcry.domain.control import Failure, Halt
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.market import CandleClosed, VenueStatus
from openoutcry.domain.opinions import Classification, Signal, Vote
from openoutcry.domain.orders import Approved, Done, Fill, OrderIntent, Refused, SizedOrder
from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_S
from openoutcry.execution.commands import SubmitOrder
from openoutcry.execution.records import (
    BalancesOpened,
    ChildIntended,
    ParentPlanned,
    Slice,
    StateChanged,
    entry_of,
)
from openoutcry.memory.decision_journal import DecisionJournal
from openoutcry.memory.order_journal import OrderJournal

SYMBOL = "BTC/USDT"
T0 = 1_723_161_600 * NS_PER_S
WALL = 1_795_000_000 * NS_PER_S  # when the replay was played
BTC = Instrument(
    venue="binance",
    symbol=SYMBOL,
    venue_symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    price_tick="0.01",
    size_step="0.00001",
    min_size_lots=1,
    max_size_lots=900_000,
    min_notional_atoms=5 * ATOMS_PER_UNIT,
)
CLOSES = (6_000_000, 6_010_000, 6_030_000, 6_020_000)  # ticks of 0.01: 60,000.00 and so on


def candle(index):
    opens, closes = CLOSES[max(index - 1, 0)], CLOSES[index]
    open_ns = T0 + index * 5 * NS_PER_S
    return CandleClosed(
        id=f"candle:{index}",
        symbol=SYMBOL,
        open_ns=open_ns,
        close_ns=open_ns + 5 * NS_PER_S,
        open_ticks=opens,
        high_ticks=max(opens, closes) + 100,
        low_ticks=min(opens, closes) - 100,
        close_ticks=closes,
        volume_lots=10,
        buy_volume_lots=5,
        notional=10 * closes,
        trade_count=3,
        first_trade_id=index * 3,
        last_trade_id=index * 3 + 2,
    )


def decisions(index):
    """What one candle leads to, up to the intent."""
    closed = candle(index)
    votes = tuple(
        Vote(
            id=f"vote:{name}:{index}",
            cause_id=closed.id,
            symbol=SYMBOL,
            classifier=name,
            up=0.6,
            flat=0.3,
            down=0.1,
            abstained=name == "shy",
            rationale="<script>alert(1)</script>",
        )
        for name in ("bold", "shy")
    )
    opinion = Classification(
        id=f"classification:{index}",
        cause_id=closed.id,
        symbol=SYMBOL,
        close_ns=closed.close_ns,
        close_ticks=closed.close_ticks,
        up=0.6,
        flat=0.3,
        down=0.1,
        abstained=False,
        votes=votes,
    )
    signal = Signal(
        id=f"signal:{index}",
        cause_id=opinion.id,
        symbol=SYMBOL,
        strategy="test",
        exposure=1.0,
        reason="up",
        at_ns=closed.close_ns,
    )
    return closed, opinion, signal, intent(index)


def intent(index):
    return OrderIntent(
        id=f"intent:{index}",
        cause_id=f"signal:{index}",
        symbol=SYMBOL,
        strategy="test",
        exposure=1.0,
        reference_price_ticks=CLOSES[index],
        volatility=0.0002,
        candle_seconds=5.0,
        style="immediate",
        horizon_ns=0,
        event_ns=candle(index).close_ns,
        deadline_ns=WALL + NS_PER_S,
    )


def order_events(number, side, price_ticks, lots, *, at_ns, state="FILLED", fee_atoms=0):
    """A parent with one child; filled whole unless its state says otherwise."""
    parent_id, child_id = f"parent:{number}", f"demo-{number}-0-0"
    sized = SizedOrder(
        symbol=SYMBOL,
        side=side,
        size_lots=lots,
        limit_price_ticks=price_ticks,
        style="immediate",
        horizon_ns=0,
        deadline_ns=WALL,
    )
    approved = Approved(id=parent_id, cause_id=f"intent:{number}", intent=intent(number), order=sized)
    submit = SubmitOrder(
        symbol=SYMBOL,
        client_order_id=child_id,
        parent_id=parent_id,
        side=side,
        price_ticks=price_ticks,
        size_lots=lots,
        time_in_force="IOC",
    )
    yield ParentPlanned(approved=approved, slices=(Slice(at_ns, lots),))
    yield ChildIntended(order=submit, slice_index=0, attempt=0)
    if state == "FILLED":
        yield Fill(
            id=f"fill:{number}",
            cause_id=parent_id,
            symbol=SYMBOL,
            parent_id=parent_id,
            client_order_id=child_id,
            venue_order_id=str(number),
            trade_id=f"trade-{number}",
            side=side,
            price_ticks=price_ticks,
            size_lots=lots,
            fee_atoms=fee_atoms,
            fee_asset="USDT",
            liquidity="taker",
            at_ns=at_ns,
        )
    yield StateChanged(
        symbol=SYMBOL, parent_id=parent_id, client_order_id=child_id, before="PENDING", after=state, reason=""
    )
    if state == "FILLED":
        yield Done(
            id=f"done:{number}",
            symbol=SYMBOL,
            parent_id=parent_id,
            ordered_lots=lots,
            filled_lots=lots,
            reason="filled",
            at_ns=at_ns,
        )


def write_run(state, *, fill_times=(WALL + 1, WALL + 2), last_state="FILLED", instruments=None, summary=None):
    """Buys 0.5 BTC at the first close and sells it at the third; one intent is refused."""
    paths = create_run(state, "r-test")
    record = RunRecord(
        run_id="r-test",
        pid=1,
        mode="paper",
        started_ns=WALL,
        config_hash="c0ffee",
        data_source="a <b>test</b>",
        data_hash="da7a",
        seed=7,
        versions={"openoutcry": "0.1.0"},
        settings={"venue": {"venue": "binance"}},
        instruments={SYMBOL: BTC} if instruments is None else instruments,
    )
    write_record(paths, record)
    journal = OrderJournal(paths.orders_db, venue="binance")
    opened = BalancesOpened(balances={"USDT": 100_000 * ATOMS_PER_UNIT, "BTC": 0})
    bought = order_events(0, "buy", CLOSES[0], 50_000, at_ns=fill_times[0], fee_atoms=30 * ATOMS_PER_UNIT)
    sold = order_events(
        2, "sell", CLOSES[2], 50_000, at_ns=fill_times[1], fee_atoms=30 * ATOMS_PER_UNIT, state=last_state
    )
    journal.append([entry_of(event, WALL) for event in (opened, *bought, *sold)])
    journal.close()
    messages = DecisionJournal(paths.decisions_db)
    for index in range(len(CLOSES)):
        for message in decisions(index):
            messages.record(message, WALL)
    messages.record(
        Refused(
            id="refused:1",
            symbol=SYMBOL,
            intent_id="intent:1",
            check="cash",
            limit="1",
            value="<2>",
            at_ns=WALL,
        ),
        WALL,
    )
    messages.record(
        VenueStatus(id="v", venue="binance", symbol=SYMBOL, state="down", reason="lost & found", at_ns=WALL),
        WALL,
    )
    messages.record(Failure(id="f", role="risk", handling="Fill", error="KeyError", at_ns=WALL + 1), WALL)
    messages.record(Halt(id="h", reason="drill", by="me", at_ns=WALL + 2), WALL)
    messages.close()
    end_record(paths, ended_ns=WALL + 60 * NS_PER_S, outcome="the replay ended", summary=summary or {})
    return paths
