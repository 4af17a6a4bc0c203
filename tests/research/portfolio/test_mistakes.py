"""All mistakes of a portfolio file are told in one round, each once, in the order of its lines.

Slips are single changes of a good file. Those of `SLIPS` need no prices to be found, whatever the kind: a wrong type, a
bound, an unknown key, a sum, a name of something that is not there. Those of `OF_PRICES` do, and are told beside them.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from foundation.errors import ConfigError, InputError
from research.portfolio import load_portfolio

GOOD = """\
name: Four funds
market: multi_asset_daily
basis: USD
cash: 1_000.50
target_cash: 0.02
last_trade: 2022-09-30
lines:
  SPY: {asset_class: us_equity, sector: broad, target: 0.50, range: [0.40, 0.60], shares: 100, lot: 5}
  AGG: {asset_class: bonds, sector: rates, target: 0.30, range: [0.25, 0.35], holdings: 20_000, fractional: true}
  GLD: {asset_class: gold, sector: metals, target: 0.10, range: [0.05, 0.15], shares: 40, half_spread_bps: 3}
  VNQ:
    asset_class: real_estate
    sector: property
    target: 0.08
    range: [0.03, 0.13]
    shares: 60
    exposures: {real_estate: 0.9, us_equity: 0.1}
costs:
  us_equity: {commission_bps: 1, half_spread_bps: 1.5}
  bonds: {commission_bps: 2, half_spread_bps: 1}
  gold: {commission_bps: 2, half_spread_bps: 2}
  real_estate: {commission_bps: 2, half_spread_bps: 2}
holding: {financing_bps: 150}
tax:
  rate: 0.25
  wash_sale_days: 30
  substitutes: {SPY: IVV}
  sold_at_loss: {GLD: 2022-12-15}
limits: {minimum_trade: 250, tracking_error: 0.01}
execution: {at: close}
flows: {every: quarter, amount: 500}
orders:
  reserve_bps: 10
  groups:
    equity: {asset_class: us_equity, range: [0.4, 0.6]}
    metals: {sector: metals, range: [0.0, 0.2]}
    real: {lines: [GLD, VNQ], range: [0.1, 0.3]}
ticket:
  order_type: limit
  collar_bps: 50
  symbols: {VNQ: VNQ US}
  exchanges: {GLD: ARCA}
prices_ok: [GLD]
stress:
  episodes: {Taper: {first: 2013-05-22, last: 2013-06-24}}
  shocks: {Metal falls: {gold: -0.2}}
forecasts:
  models:
    usual: {kind: estimated, window: 756}
benchmark: monthly
periods_per_year: 252
materiality_bps: 1
test_start: 2015-01-02
policies:
  band: {rule: threshold, band: 0.03, to: edge, lines: breaching, payer: GLD}
  relative:
    rule: threshold
    kind: relative
    band: 0.25
    cap: 0.05
  monthly: {rule: calendar, schedule: month}
  quarterly: {rule: calendar, schedule: quarter, allocation: {kind: hrp, window: 126}}
policy: band
reference: monthly
"""


@dataclass(frozen=True)
class Slip:
    """A change of the good file by which one thing is wrong, the key that is told, and text on its line, or ""."""

    old: str
    new: str
    key: str
    at: str = ""

    @property
    def line(self) -> int:
        """The line of the file that is told, from 1."""
        return GOOD[: GOOD.index(self.at or self.old)].count("\n") + 1


SLIPS = [Slip(*each) for each in (
    ("basis: USD", "bases: USD", "bases"),
    ("cash: 1_000.50", "cash: 1,000.50", "cash"),
    ("last_trade: 2022-09-30", "last_trade: 2022-09-31", "last_trade"),
    ("lot: 5", "lot: 5, fractional: true", "lines.SPY.fractional"),
    ("holdings: 20_000", "holdings: 20_000, shares: 200", "lines.AGG"),
    ("fractional: true", "fractional: yes", "lines.AGG.fractional"),
    ("range: [0.05, 0.15]", "range: [0.11, 0.15]", "lines.GLD.range"),
    ("half_spread_bps: 3", "half_spread: 3", "lines.GLD.half_spread"),
    ("real_estate: 0.9,", "real_estate: 0.8,", "lines.VNQ.exposures"),
    ("  bonds: {", "  bond: {", "costs", "costs:"),
    ("gold: {commission_bps: 2,", "gold: {commission: 2,", "costs.gold.commission"),
    ("real_estate: {commission_bps: 2,", "real_estate: {", "costs.real_estate.commission_bps"),
    ("financing_bps: 150", "financing_bps: -150", "holding.financing_bps"),
    ("{SPY: IVV}", "{SPX: IVV}", "tax.substitutes.SPX"),
    ("minimum_trade", "min_trade", "limits.min_trade"),
    ("tracking_error: 0.01", "tracking_error: 1", "limits.tracking_error"),
    ("at: close", "at: noon", "execution.at"),
    ("amount: 500", "amount: 500, use: nothing", "flows.use"),
    ("reserve_bps: 10", "reserve_bps: ", "orders.reserve_bps"),
    ("equity: {asset_class: us_eq", "equity: {asset_class: us_exq", "orders.groups.equity.asset_class"),
    ("[0.0, 0.2]", "[0.2, 0.0]", "orders.groups.metals.range"),
    ("[GLD, VNQ]", "[GLD, VNX]", "orders.groups.real.lines"),
    ("{VNQ: VNQ US}", "{VNQ: AGG}", "ticket.symbols.VNQ"),
    ("{GLD: ARCA}", "{GDL: ARCA}", "ticket.exchanges.GDL"),
    ("prices_ok: [GLD]", "prices_ok: [GOLD]", "prices_ok"),
    ("last: 2013-06-24", "last: 2012-06-24", "stress.episodes.Taper.last"),
    ("{gold: -0.2}", "{golds: -0.2}", "stress.shocks.Metal falls.golds"),
    ("window: 756", "windows: 756", "forecasts.models.usual.windows"),
    ("payer: GLD", "payer: TLT", "policies.band.payer"),
    ("    band: 0.25", "    band: 25%", "policies.relative.band"),
    ("schedule: month", "schedule: monthly", "policies.monthly.schedule"),
    ("kind: hrp", "kind: hpr", "policies.quarterly.allocation.kind"),
    ("policy: band", "policy: bands", "policy"),
    ("reference: monthly", "reference: month", "reference"),
)]  # fmt: skip
OF_CLASSES = {  # and groups
    "orders.groups.equity.asset_class", "orders.groups.metals.range", "stress.shocks.Metal falls.golds",
}  # fmt: skip
BEFORE_CLASSES = {"costs", "lines.VNQ.exposures"}  # classes are judged once these are mended
OF_PRICES = [Slip(*each) for each in (
    ("benchmark: monthly", "benchmark: month", "benchmark"),
    ("periods_per_year: 252", "periods_per_year: 52", "periods_per_year"),
    ("test_start: 2015-01-02", "test_start: 2025-01-02", "test_start"),
)]  # fmt: skip
OF_HOLDINGS = {"benchmark"}  # and of the days of the test
BEFORE_HOLDINGS = {
    "bases",
    "cash",
    "costs",
    "prices_ok",
    "test_start",
    *(slip.key for slip in SLIPS if "lines" in slip.key[:5]),
}
JUDGED_LATER = [(OF_CLASSES, BEFORE_CLASSES), (OF_HOLDINGS, BEFORE_HOLDINGS)]


Told = list[tuple[str, int]]  # key and line of each mistake


@pytest.fixture
def told(tmp_path: Path) -> Callable[[Sequence[Slip]], Told]:
    """What is told of the good file with some slips, in the order of its lines; given by key."""
    file = tmp_path / "desk.yaml"

    def of(slips: Sequence[Slip]) -> Told:
        text = GOOD
        for slip in sorted(slips, key=lambda slip: GOOD.index(slip.old), reverse=True):
            assert GOOD.count(slip.old) == 1, slip
            start = GOOD.index(slip.old)
            text = text[:start] + slip.new + text[start + len(slip.old) :]
        file.write_text(text, encoding="utf-8")
        try:
            load_portfolio(file)
        except ConfigError as error:
            found = [_place(line) for line in str(error).splitlines()]
            assert [line for _, line in found] == sorted(line for _, line in found)
            return sorted(found)
        return []

    return of


def _place(message: str) -> tuple[str, int]:
    found = re.match(r"(?P<key>[\w. ]+): .*? \(.*?desk\.yaml(, line (?P<line>\d+))?\): found ", message)
    assert found, message
    return found["key"], int(found["line"])


def expected(slips: Sequence[Slip]) -> Told:
    return sorted((slip.key, slip.line) for slip in slips)


def independent(slips: Sequence[Slip]) -> bool:
    """Is none of them judged only once another is mended?"""
    keys = {slip.key for slip in slips}
    return not any(keys & later and keys & before for later, before in JUDGED_LATER)


def files() -> list[list[Slip]]:
    """Twelve draws of five to eight slips."""
    rng, found = random.Random(7), list[list[Slip]]()
    while len(found) < 12:
        drawn = rng.sample([*SLIPS, *OF_PRICES], rng.randint(5, 8))
        found += [drawn] if independent(drawn) else []
    return found


def test_the_file_without_a_slip_is_loaded(told: Callable[[Sequence[Slip]], Told]) -> None:
    assert told([]) == []


@pytest.mark.parametrize("slips", files(), ids=lambda slips: f"{len(slips)} slips")
def test_all_slips_of_a_file_are_told_in_one_round_in_the_order_of_its_lines(
    told: Callable[[Sequence[Slip]], Told], slips: list[Slip]
) -> None:
    assert told(slips) == expected(slips)


@pytest.mark.parametrize(
    "later",
    [OF_CLASSES | OF_HOLDINGS, BEFORE_CLASSES | OF_HOLDINGS, OF_CLASSES | BEFORE_HOLDINGS],
    ids=["classes", "before classes", "before holdings"],
)
def test_all_slips_at_once_are_told_so_that_none_hides_another(
    told: Callable[[Sequence[Slip]], Told], later: set[str]
) -> None:
    """Any two independent slips are in one of the three files."""
    slips = [slip for slip in [*SLIPS, *OF_PRICES] if slip.key not in later]
    assert independent(slips)
    assert told(slips) == expected(slips)


def test_an_asset_that_the_market_does_not_have_is_told_beside_others(told: Callable[[Sequence[Slip]], Told]) -> None:
    later = Slip("last_trade: 2022-09-30", "last_trade: 2023-09-29", "last_trade")
    others = [Slip("  AGG: {", "  AGGG: {", "lines.AGGG"), SLIPS[0], later]
    assert told(others) == expected(others)


def test_data_that_cannot_be_read_are_told_beside_a_slip(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("date,SPY\n2020-01-02,-5\n")
    text = GOOD.replace("market: multi_asset_daily", "market: {prices: own.csv}")
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(InputError) as alone:
        load_portfolio(tmp_path / "own.yaml")
    (tmp_path / "own.yaml").write_text(text.replace("basis", "bases"))
    with pytest.raises(ConfigError) as beside:
        load_portfolio(tmp_path / "own.yaml")
    assert {*str(alone.value).splitlines()} < {*str(beside.value).splitlines()}
    assert "bases: unknown key" in str(beside.value)


def test_a_class_is_judged_once_each_line_has_costs(told: Callable[[Sequence[Slip]], Told]) -> None:
    """Else a class of an asset that is written wrongly would be told at each group and shock of that class."""
    before = [slip for slip in SLIPS if slip.key in BEFORE_CLASSES]
    after = [slip for slip in SLIPS if slip.key in OF_CLASSES]
    assert told([*before, *after]) == expected(before)
    assert told(after) == expected(after)
    assert told([Slip("us_equity, sector", "us_equities, sector", "costs", "costs:")]) == [("costs", 18)]


def test_a_sum_is_judged_once_each_target_is_a_number(told: Callable[[Sequence[Slip]], Told]) -> None:
    wrong, sum_off = (
        Slip("target: 0.50", "target: 50%", "lines.SPY.target"),
        Slip("target: 0.30", "target: 0.31", "lines"),
    )
    assert told([wrong, sum_off]) == [("lines.SPY.target", 8)]
    assert told([sum_off, SLIPS[0]]) == [("bases", 3), ("lines", 7)]


def test_a_name_that_is_no_line_is_told_once(told: Callable[[Sequence[Slip]], Told]) -> None:
    """The asset itself is named wrongly, and its name stands right at several keys."""
    assert told([Slip("  GLD: {", "  GLDD: {", "")]) == [("lines.GLDD", 10), ("tax.sold_at_loss.GLD", 28)]


def test_a_decimal_comma_is_told_without_what_follows_from_it(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(GOOD.replace("target: 0.50, range", "target: 0,5, range"))
    with pytest.raises(ConfigError) as raised:
        load_portfolio(tmp_path / "own.yaml")
    assert str(raised.value).splitlines() == [
        f"lines.SPY.5: says nothing ({tmp_path / 'own.yaml'}, line 8): found None. A comma ends a value: write 0.5, "
        "not 0,5."
    ]


@pytest.mark.parametrize(
    "slips",
    ["".join(f"colour_{k}: 1\n" for k in range(5_000)), "".join(f"  Q{k}: {{colour: 3}}\n" for k in range(3_000))],
    ids=["keys", "lines"],
)
def test_reading_ends_at_a_thousand_mistakes_and_says_so(tmp_path: Path, slips: str) -> None:
    path = tmp_path / "portfolio.yaml"
    path.write_text(GOOD.replace("lines:\n", f"lines:\n{slips}") if slips.startswith(" ") else GOOD + slips)
    with pytest.raises(ConfigError) as told:
        load_portfolio(path)
    *first, last = str(told.value).splitlines()
    assert len(first) == 1_000
    assert all(": unknown key (" in each or ": missing (" in each for each in first)
    assert last == "There are more: these are the first 1,000."
