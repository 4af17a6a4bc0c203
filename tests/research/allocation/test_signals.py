"""Targets from tables made elsewhere: the latest row that is known, and scores mapped to weights by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import every_day

from backtests.engine import backtest
from foundation.errors import ConfigError, DataError
from research.accounting import Costs, Hold, Trade, View
from research.allocation import FixedWeights, Signals, target_path
from research.allocation.signals import read_signals
from research.market import Market
from research.rules import Calendar, Threshold

NAMES = ["A", "B", "C"]
COSTS = Costs.bps(3, commission=2)


@pytest.fixture(scope="module")
def market() -> Market:
    return every_day(days=300, n=3, seed=4)


def frame(rows: dict[str, list[float]]) -> pd.DataFrame:
    return pd.DataFrame(rows.values(), index=pd.DatetimeIndex(rows), columns=NAMES, dtype=float)


def weights_on(market: Market, every: int, seed: int = 1) -> pd.DataFrame:
    """Weights on every k-th day, drawn at random, that sum to less than 1."""
    dates = market.dates[::every]
    drawn = np.random.default_rng(seed).dirichlet([1.0] * 4, len(dates))[:, :3]
    return pd.DataFrame(drawn, index=dates, columns=NAMES)


# -- which row -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [lambda held: Threshold(held, 0.01), lambda held: Calendar(held, "week")])
def test_one_row_is_fixed_weights_to_the_bit(market: Market, rule: Callable[..., object]) -> None:
    start, target = market.dates[20], (0.5, 0.25, 0.2)
    one, other = (
        backtest(market, rule(held), COSTS, start=start)  # type: ignore[arg-type]
        for held in (FixedWeights(target), Signals(frame({"2019-01-02": list(target)}), max_age=None))
    )
    assert len(one.booked) > 5
    assert np.array_equal(one.ledger.nav, other.ledger.nav)
    assert np.array_equal(one.weights, other.weights)


def test_wealth_is_the_closed_form_of_weights_that_change(market: Market) -> None:
    """Without costs and at no delay the weights of a row earn the returns from the session after its date on."""
    table = weights_on(market, 7)
    played = backtest(market, Calendar(Signals(table), "day"), Costs.bps(3), start=market.dates[1], lag=0, nav=1.0)
    wealth, expected = 1.0, []
    for t in range(1, len(market.dates)):
        row = table[table.index < market.dates[t]].iloc[-1].to_numpy()  # a day before
        wealth *= 1.0 + row @ market.returns[t] + (1.0 - row.sum()) * market.cash[t]
        expected.append(wealth)
    np.testing.assert_allclose(played.ledger.nav[1:], expected, rtol=1e-12)


def test_no_row_of_a_later_day_is_seen(market: Market) -> None:
    table, cut = weights_on(market, 3), market.dates[150]
    assert cut in table.index
    changed = weights_on(market, 3, seed=2)
    changed.loc[:cut] = table.loc[:cut]
    one, other = (target_path(Signals(each), market, start=10) for each in (table, changed))
    t = market.row(cut)
    assert np.array_equal(one.since(10)[: t - 9], other.since(10)[: t - 9])
    assert np.array_equal(one.at(t), table.loc[cut])
    assert not np.array_equal(one.at(t + 3), other.at(t + 3))


def test_a_row_of_a_day_without_a_session_is_known_at_the_next_close(market: Market) -> None:
    saturday = next(day for day in pd.date_range(market.dates[30], periods=7) if day.day_name() == "Saturday")
    first = f"{market.dates[0]:%Y-%m-%d}"
    path = target_path(
        Signals(frame({first: [0.1, 0.2, 0.3], f"{saturday:%Y-%m-%d}": [0.3, 0.2, 0.1]}), max_age=None), market
    )
    after = int(market.dates.searchsorted(saturday))
    assert [path.at(t)[0] for t in (after - 1, after)] == [0.1, 0.3]


# -- scores ----------------------------------------------------------------------------------------------------------


@cases(
    "mapping, scores, wanted",
    ("positive", [3.0, -2.0, 1.0], [0.75, 0.0, 0.25]),
    ("positive", [-3.0, 0.0, np.nan], [0.0, 0.0, 0.0]),
    ("rank", [9.0, -2.0, 1.0], [3 / 6, 1 / 6, 2 / 6]),
    ("rank", [5.0, 5.0, -1.0], [2.5 / 6, 2.5 / 6, 1 / 6]),
    ("rank", [np.nan, -1.0, -2.0], [0.0, 2 / 3, 1 / 3]),
    ("rank", [np.nan, np.nan, np.nan], [0.0, 0.0, 0.0]),
    ("weights", [0.5, np.nan, -0.1], [0.5, 0.0, -0.1]),
)
def test_a_row_is_mapped_by_hand(market: Market, mapping: str, scores: list[float], wanted: list[float]) -> None:
    held = Signals(frame({"2020-01-02": scores}), mapping, empty="zero")  # type: ignore[arg-type]
    assert held.target(market.past(30)).tolist() == pytest.approx(wanted, abs=1e-15)


@settings(max_examples=30)
@given(st.lists(st.integers(-50, 50), min_size=3, max_size=3), st.integers(1, 9))
def test_what_scores_are_measured_in_does_not_matter(market: Market, scores: list[int], unit: int) -> None:
    def target(values: list[float], mapping: str) -> np.ndarray:
        return Signals(frame({"2020-01-02": values}), mapping).target(market.past(30))  # type: ignore[arg-type]

    for mapping in ("positive", "rank"):
        found, other = target(scores, mapping), target([unit * each for each in scores], mapping)  # type: ignore[arg-type]
        assert other.tolist() == pytest.approx(found.tolist(), abs=1e-15)
        assert found.min() >= 0.0
        assert found.sum() == pytest.approx(1.0 if found.any() else 0.0)
    by_rank = target([each**3 for each in scores], "rank")  # which keeps their order
    assert np.array_equal(by_rank, target(scores, "rank"))  # type: ignore[arg-type]


# -- mistakes --------------------------------------------------------------------------------------------------------


def test_an_old_row_gives_no_target(market: Market) -> None:
    first = market.dates[0]
    held = Signals(frame({f"{first:%Y-%m-%d}": [0.1, 0.2, 0.3]}), max_age=10)
    last = int(market.dates.searchsorted(first + pd.Timedelta(days=10), side="right")) - 1
    assert held.target(market.past(last)).tolist() == [0.1, 0.2, 0.3]
    with pytest.raises(DataError, match=r"the latest row of .* is of \S+, 1\d days before, and max_age is 10\. Add"):
        held.target(market.past(last + 1))
    late = market.past(int(market.dates.searchsorted(first + pd.Timedelta(days=101))))
    with pytest.raises(DataError, match="and max_age is 100"):
        Signals(held.table).target(late)
    with pytest.raises(DataError, match=rf"has no row up to {first:%Y-%m-%d}: its first is of 2099-01-01\. Add"):
        Signals(frame({"2099-01-01": [0.1, 0.2, 0.3]})).target(market.past(0))


@cases(
    "lines, said",
    (["2019-01-02,60,40"], r"sum to 100 on 2019-01-02 \(signals\.csv, row 2\)\. Give fractions of NAV .* 0\.6 for"),
    (["2019-01-02,0.6,x"], r"signals\.csv, row 2, column 'B': not a number: found 'x'\. Write it"),
    (["2019-01-02,0.6,inf"], r"signals\.csv, row 2, column 'B': not a number: found 'inf'"),
    (["01/02/2019,0.6,0.4"], r"row 2, column 'date': all dates read two ways"),
    (["2019-01-02,0.6,0.4", "2019-01-02,0.5,0.5"], r"2019-01-02 appears twice in signals\.csv, row 3"),
    ([], r"signals\.csv has 1 row of names above 0 rows"),
)
def test_a_mistake_of_a_file_has_its_place(tmp_path: Path, lines: list[str], said: str) -> None:
    path = tmp_path / "signals.csv"
    path.write_text("\n".join(["date,A,B", *lines]) + "\n")
    with pytest.raises(DataError, match=said):
        Signals(read_signals(path))


def test_wrong_settings_are_refused(market: Market) -> None:
    table = frame({"2019-01-02": [0.1, 0.2, 0.3]})
    for wrong, said in {
        "mapping": "mapping of Signals is 'zscore': use one of weights, positive, rank",
        "max_age": "max_age of Signals is 'zscore': give a whole number of calendar days",
        "schedule": "schedule of Signals is 'zscore'",
        "unlisted": "unlisted of Signals is 'zscore'",
    }.items():
        with pytest.raises(ConfigError, match=said):
            Signals(table, **{wrong: "zscore"})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"table of Signals is 'signals\.csv': give a DataFrame"):
        Signals("signals.csv")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="the frame of signals has the column Z, which is no asset of the portfolio"):
        Signals(table.rename(columns={"C": "Z"})).target(market.past(0))


def test_tables_of_other_content_are_other_allocations(market: Market) -> None:
    one, same, other = (weights_on(market, 7, seed) for seed in (1, 1, 2))
    assert Signals(one) == Signals(same) != Signals(other)
    assert hash(Signals(one)) == hash(Signals(same))


# -- empty cells -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EachDay:
    """A rule whose arrays nobody asks for."""

    rule: Calendar
    allocation: Signals

    def decide(self, view: View) -> Hold | Trade:
        return self.rule.decide(view)


def orders_at_month_ends(market: Market) -> pd.DataFrame:
    """Weights that sum to 1 on the last day of each month, and empty rows on all others."""
    table = weights_on(market, 1).div(weights_on(market, 1).sum(axis=1), axis=0)
    return table.groupby(table.index.to_period("M")).tail(1).reindex(table.index)


def test_empty_weights_are_refused_until_the_table_says_what_they_mean(market: Market) -> None:
    table = orders_at_month_ends(market)
    count = int(table.isna().to_numpy().sum())
    with pytest.raises(DataError, match=rf"has {count} empty cells of 900\. State what they mean: `empty: zero`"):
        Signals(table)
    with pytest.raises(ConfigError, match="empty of Signals is 'hold': use one of zero, no_order"):
        Signals(table, empty="hold")  # type: ignore[arg-type]
    some = table.copy()
    some.iloc[40] = [0.5, np.nan, 0.5]
    said = r"some weights of \S+ are empty \(the frame of signals, row 40\): found 1 of 3"
    with pytest.raises(DataError, match=said):
        Signals(some, empty="no_order")


@pytest.mark.parametrize("empty", ["zero", "no_order"])
def test_wealth_is_the_closed_form_of_what_empty_means(market: Market, empty: str) -> None:
    table = orders_at_month_ends(market)
    first = int(np.flatnonzero(table.notna().all(axis=1))[0])
    held = Signals(table, empty=empty)  # type: ignore[arg-type]
    played = backtest(market, Calendar(held, "day"), Costs.bps(3), start=market.dates[first + 1], nav=1.0)
    slow = backtest(market, EachDay(Calendar(held, "day"), held), Costs.bps(3), start=market.dates[first + 1], nav=1.0)
    assert np.array_equal(played.ledger.nav, slow.ledger.nav)
    weights, wealth = table.iloc[first].to_numpy(), [1.0]
    for t in range(first + 1, len(market.dates)):
        grown = weights * (1.0 + market.returns[t])
        cash = (1.0 - weights.sum()) * (1.0 + market.cash[t])
        wealth.append(wealth[-1] * (grown.sum() + cash))
        asked = table.iloc[t - 1].to_numpy() if t - 1 > first else np.full(3, np.nan)
        drifted = grown / (grown.sum() + cash)
        weights = drifted if np.isnan(asked).all() and (empty == "no_order" or t - 1 <= first) else np.nan_to_num(asked)
    np.testing.assert_allclose(played.ledger.nav, wealth, rtol=1e-12)
