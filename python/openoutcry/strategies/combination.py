"""Several strategies as one: each says what to hold, weights decide how much it counts."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
import numpy as np

from openoutcry.domain.errors import InvalidInputError
from openoutcry.memory.candle_window import CandleColumns
from openoutcry.strategies.strategy import (
    MAX_REASON_CHARS,
    Candles,
    Exposure,
    Market,
    Needs,
    Shares,
    Strategy,
)
from openoutcry.strategies.weighting import WEIGHTINGS, record_of

MAX_MEMBERS: Final = 64

Weighting = Literal["static", "performance", "volatility", "regime"]
Conflict = Literal["net", "majority", "veto"]
Quorum = Annotated[int, msgspec.Meta(ge=1, le=MAX_MEMBERS)]


class Combination(Strategy, frozen=True, kw_only=True):
    """Holds the weighted mean of what its members want.

    A member without an opinion has no weight at that moment; fewer than `quorum` opinions are none.

    `weighting`: `static` weighs by `weights`; the others multiply these by how the members did on the
    `judged` candles before the newest (see `weighting.py`): `performance` by what each would have earned,
    `volatility` by the inverse of how much its result swung, `regime` by how it did in candles like the
    present ones, trending or not.

    `conflict`, where some want to be long and others short: `net` takes the mean, `majority` only those on
    the side with more weight, `veto` holds nothing.

    It fails as its members fail: what they have in common is not diversified, and weights by past results
    arrive late at every change.
    """

    parts: ClassVar[frozenset[str]] = frozenset({"members"})
    members: tuple[Strategy, ...]
    weights: tuple[float, ...]
    weighting: Weighting = "static"
    conflict: Conflict = "net"
    quorum: Quorum = 1
    judged: Candles = 200
    warmup: Candles = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= len(self.members) <= MAX_MEMBERS or len(self.weights) != len(self.members):
            raise InvalidInputError(
                f"a combination has 1 to {MAX_MEMBERS} members and a weight for each, "
                f"not {len(self.members)} and {len(self.weights)}"
            )
        if not all(0.0 <= weight < float("inf") for weight in self.weights) or not any(self.weights):
            raise InvalidInputError(f"weights {self.weights} must be finite, not negative, and not all 0")
        self.check("quorum", self.quorum <= len(self.members), "must not exceed the number of members")
        if any(member.needs.book or member.needs.symbols > 1 for member in self.members):
            raise InvalidInputError(
                "members may not quote or look at several symbols; combine exposures of one"
            )

        if self.weighting != "static" and self.needs != Needs():
            raise InvalidInputError(
                f"{self.weighting} weights come from what members wanted in the past, which only candles "
                "tell; weigh members that need opinions or features statically"
            )
        longest = max(member.warmup for member in self.members)
        needed = longest if self.weighting == "static" else longest + self.judged + 1
        self.check("warmup", self.warmup >= needed, f"is too short for its members; give {needed} or more")

    @property
    def needs(self) -> Needs:  # type: ignore[override]  # of its members
        """What any of the members needs."""
        return Needs(
            opinions=any(member.needs.opinions for member in self.members),
            features=any(member.needs.features for member in self.members),
        )

    def observe(self, market: Market) -> Exposure | None:
        """Ask every member, and weigh the answers."""
        shares = np.array([self._ask(member, market) for member in self.members])
        share = self._combine(shares, self._weigh(market.candles))
        if np.isnan(share):
            return None
        wants = (f"{member.name} {share:+.2f}" for member, share in zip(self.members, shares, strict=True))
        return self.hold(float(share), f"{self.conflict} of {', '.join(wants)}"[:MAX_REASON_CHARS])

    def exposures(self, candles: CandleColumns) -> Shares | None:
        """The same at every candle, where weights do not change and every member can be asked so."""
        if self.weighting != "static" or self.needs != Needs():
            return None
        wishes = [member.exposures(candles) for member in self.members]
        known = [each for each in wishes if each is not None]
        if len(known) < len(wishes):
            return None
        shares = self._combine(np.array(known), np.array(self.weights)[:, np.newaxis])
        shares[: self.warmup - 1] = np.nan
        return shares

    def _ask(self, member: Strategy, market: Market) -> float:
        length = len(market.candles)
        shown = market.candles.part(length - member.warmup, length)
        wish = member.observe(msgspec.structs.replace(market, candles=shown))
        if wish is None:
            return float("nan")
        if not isinstance(wish, Exposure):
            raise InvalidInputError(f"{member.name} quotes; a combination takes exposures")
        return wish.share

    def _weigh(self, candles: CandleColumns) -> Shares:
        given = np.array(self.weights)
        if self.weighting == "static":
            return given
        earned = given * WEIGHTINGS[self.weighting](record_of(self.members, candles, self.judged))
        return earned if earned.any() else given  # when all have lost, none is better than the others

    def _combine(self, shares: Shares, weights: Shares) -> Shares:
        """Shares of the members, a row each, to one; NaN where too few have an opinion."""
        has_opinion = ~np.isnan(shares)
        wants = np.where(has_opinion, shares, 0.0)
        counted = np.where(has_opinion, weights, 0.0)
        longs, shorts = (np.where(wants * sign > 0, counted, 0.0).sum(axis=0) for sign in (1, -1))
        if self.conflict == "majority":
            side = np.sign(longs - shorts)
            counted = np.where(wants * side < 0, 0.0, counted)
        total = counted.sum(axis=0)
        enough = (has_opinion.sum(axis=0) >= self.quorum) & (total > 0)
        mean = (wants * counted).sum(axis=0) / np.where(enough, total, 1.0)
        if self.conflict == "veto":
            mean = np.where((longs > 0) & (shorts > 0), 0.0, mean)
        elif self.conflict == "majority":
            mean = np.where(longs == shorts, np.where(longs > 0, 0.0, mean), mean)
        return np.where(enough, np.clip(mean, -1.0, 1.0), np.nan)


class Member(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A member in settings: `{name = "sma-cross", weight = 2.0, parameters = {fast = 10}}`."""

    name: str
    weight: Annotated[float, msgspec.Meta(ge=0.0)] = 1.0
    parameters: dict[str, Any] = {}


Create = Callable[[str, Mapping[str, Any]], Strategy]


def combination_factory(create: Create) -> Callable[..., Combination]:
    """A factory of combinations whose members `create` makes by their names and parameters."""

    def combination(
        members: str | list[dict[str, Any]] = "sma-cross + breakout",
        weighting: Weighting = "static",
        conflict: Conflict = "net",
        quorum: Quorum = 1,
        judged: Candles = 200,
    ) -> Combination:
        """Members as `2 * sma_cross(fast=10, warmup=50) + breakout`, or as tables: see `Member`."""
        terms = parse_members(members) if isinstance(members, str) else _of_tables(members)
        made = tuple(create(name, parameters) for _, name, parameters in terms)
        longest = max(member.warmup for member in made)
        return Combination(
            members=made,
            weights=tuple(weight for weight, _, _ in terms),
            weighting=weighting,
            conflict=conflict,
            quorum=quorum,
            judged=judged,
            warmup=longest if weighting == "static" else longest + judged + 1,
        )

    return combination


_TERM: Final = re.compile(
    r"\s*(?:(?P<weight>[0-9.eE+-]+?)\s*\*\s*)?(?P<name>[A-Za-z_][\w-]*)\s*(?:\((?P<parameters>[^()]*)\))?\s*"
)


def parse_members(text: str) -> list[tuple[float, str, dict[str, Any]]]:
    """Weight, name and parameters of each member of `2 * sma_cross(fast=10, warmup=50) + breakout`.

    Raises:
        InvalidInputError: a member cannot be read.
    """
    terms = []
    for part in re.split(r"\+(?![^(]*\))", text):
        match = _TERM.fullmatch(part)
        if match is None:
            raise InvalidInputError(
                f"{part.strip()!r} is no member of a combination; write `2 * sma_cross(fast=10) + breakout`"
            )
        pairs = [pair for pair in (match["parameters"] or "").split(",") if pair.strip()]
        terms.append((_number(match["weight"] or "1"), match["name"], dict(map(_parameter, pairs))))
    return terms


def _of_tables(members: object) -> list[tuple[float, str, dict[str, Any]]]:
    try:
        tables = msgspec.convert(members, list[Member])
    except msgspec.ValidationError as error:
        raise InvalidInputError(
            f'members cannot be used: {error}; write [{{name = "sma-cross", weight = 2.0, '
            "parameters = {fast = 10}}]"
        ) from None
    if not tables:
        raise InvalidInputError("a combination has members; write at least one")
    return [(table.weight, table.name, table.parameters) for table in tables]


def _parameter(pair: str) -> tuple[str, Any]:
    name, equals, value = pair.partition("=")
    if not equals or not name.strip():
        raise InvalidInputError(f"{pair.strip()!r} is no parameter; write name=value")
    try:
        return name.strip(), msgspec.json.decode(value.strip())
    except msgspec.DecodeError:
        return name.strip(), value.strip()


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidInputError(f"{text!r} is no weight; write a number") from None
