"""Facts of a portfolio file from stores: what they are, from when on they are known, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import cases

from backtests.studies.audits.portfolio_audit import audit_policy
from foundation.errors import ConfigError
from foundation.home import STORES
from research.market.calendars import sessions
from research.market.rows import price_rows
from research.market.store import named_store
from research.portfolio import Portfolio

FILE = """\
name: Stored
market: {source: yahoo, facts: {fact: FACT}}
basis: USD
cash: 10_000
lines:
  AAPL: {asset_class: us_equity, target: 0.4, range: [0, 1], shares: 100}
  MSFT: {asset_class: us_equity, target: 0.4, range: [0, 1], shares: 100}
  SPY: {asset_class: us_equity, target: 0.2, range: [0, 1], shares: 100}
costs: {us_equity: {commission_bps: 1, half_spread_bps: 1}}
policies: {quarterly: {rule: calendar, schedule: month}}
policy: quarterly
"""
DAYS = sessions(np.datetime64("2022-03-01"), np.datetime64("2022-12-29"), "XNYS")
BOUGHT = np.datetime64("2022-12-30T06:00:01", "us")  # when prices were fetched
LATER = np.datetime64("2023-01-10T06:00:00", "us")
TEN, TWO = "{store: fred, series: DGS10}", "{store: fred, series: DGS10, minus: DGS2}"
RSI, RATIO = "{store: alpha_vantage, indicator: RSI, window: 14}", "{store: alpha_vantage, overview: PERatio}"
Load = Callable[..., Portfolio]
Values = tuple[np.ndarray, np.ndarray, np.ndarray]  # days, values, and the moments at which they were known


def keep(store: str, asset: str, days: np.ndarray, values: np.ndarray, known: np.ndarray) -> None:
    """Rows of one series into a store, each known at its own moment."""
    named_store(store).add(rows_of(store, asset, days, values, known))


def rows_of(store: str, asset: str, days: np.ndarray, values: np.ndarray, known: np.ndarray) -> pd.DataFrame:
    money = "USD" if store == "yahoo" else ""
    rows = price_rows(asset, days, values, currency=money, source=store, fetched_at=BOUGHT)
    return rows.assign(fetched_at=known.astype("datetime64[us]"))


def published(seed: float) -> Values:
    """A value each fifth session, published at 00:00 of the next session but one."""
    days = DAYS[:-2:5]
    return days, seed + np.sin(np.arange(len(days))), DAYS[2::5][: len(days)].astype("datetime64[us]")


SERIES = {"DGS10": published(3.0), "DGS2": published(2.0)}
FIGURES = {
    f"{asset}:RSI:14": (DAYS[:-1:5], 50.0 + k + 20.0 * np.sin(np.arange(len(DAYS[:-1:5]))), DAYS[1::5])
    for k, asset in enumerate(("AAPL", "MSFT", "SPY"))
} | {
    f"{asset}:OVERVIEW:PERatio": (DAYS[[150]], np.array([20.0 + k]), DAYS[[150]])
    for k, asset in enumerate(["AAPL", "MSFT"])
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of stores with prices, series and figures."""
    folder, fetched = tmp_path_factory.mktemp("stores"), np.full(len(DAYS), BOUGHT)
    every: dict[str, dict[str, Values]] = {"yahoo": {}, "fred": SERIES, "alpha_vantage": {}}
    for seed, asset in enumerate(("AAPL", "MSFT", "SPY")):
        walk = 100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.01, len(DAYS))))
        every["yahoo"][asset] = DAYS, walk, fetched
    for name, (days, values, known) in FIGURES.items():
        every["alpha_vantage"][name] = days, values, known.astype("datetime64[us]") + np.timedelta64(15, "h")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(STORES, str(folder))
        for store, of in every.items():
            named_store(store).add(pd.concat([rows_of(store, name, *values) for name, values in of.items()]))
            named_store(store).describe(adjustment="raw")
    return folder


@pytest.fixture
def load(load_text: Load) -> Load:
    """What loads the file with a fact, and with pieces of its text changed."""
    return lambda fact, **changed: load_text(FILE.replace("FACT", fact), **changed)


def fact_of(found: Portfolio) -> np.ndarray:
    return found.market.facts["fact"]


# -- values ----------------------------------------------------------------------------------------------------------


def test_a_series_is_one_fact_of_all_lines_from_the_session_after_its_publication(load: Load) -> None:
    found = fact_of(load(TEN))
    _, values, _ = SERIES["DGS10"]
    assert np.isnan(found[:3]).all()
    for line in range(3):  # published on sessions 2, 7, 12 and so on
        assert found[3:, line].tolist() == [values[(t - 3) // 5] for t in range(3, len(DAYS))]


def test_a_series_minus_another_is_their_difference_as_known(load: Load) -> None:
    known = np.repeat(SERIES["DGS10"][1] - SERIES["DGS2"][1], 5)[: len(DAYS) - 3]
    assert fact_of(load(TWO))[3:, 1].tolist() == known.tolist()


def test_an_indicator_of_a_vendor_is_known_by_line_from_its_fetch_on(load: Load) -> None:
    found = fact_of(load(RSI))
    assert np.isnan(found[:2]).all()
    assert found[2].tolist() == [50.0, 51.0, 52.0]
    assert found[6].tolist() == [50.0, 51.0, 52.0]
    assert found[7].tolist() == [50.0 + k + 20.0 * np.sin(1.0) for k in range(3)]


def test_a_number_of_an_overview_is_known_from_its_fetch_on_of_companies_alone(load: Load) -> None:
    found = load(RATIO)
    known = fact_of(found)
    assert np.isnan(known[:151]).all()
    assert known[151:, :2].tolist() == [[20.0, 21.0]] * (len(DAYS) - 151)
    assert np.isnan(known[:, 2]).all()
    [note] = [note for note in found.market.notes if "PERatio" in note]
    assert f"is known from {DAYS[151]} on" in note
    assert note.endswith("It is not known of SPY.")
    assert note.warning


def test_a_fact_of_a_store_joins_a_market_of_files_and_indicators(load: Load, tmp_path: Path, again: Any) -> None:
    rows = "".join(f"{day},{100 + k * k % 11},{90 + k * k % 13},{80 + k % 7}\n" for k, day in enumerate(DAYS))
    (tmp_path / "prices.csv").write_text(f"date,AAPL,MSFT,SPY\n{rows}")
    facts = "{two: {store: fred, series: DGS2}, fact: {indicator: spread, of: ten, less: two}, ten: " + TEN + "}"
    found = load(
        "unused",
        **{"{source: yahoo, facts: {fact: unused}}": f"{{file: prices.csv, quotes: prices.csv, facts: {facts}}}"},
    )
    assert fact_of(found)[3:].tolist() == fact_of(load(TWO))[3:].tolist()
    assert found.market.origin["known_on"] == f"{SERIES['DGS10'][2][-1]}Z"
    second = again(found)
    assert second.market.fingerprint == found.market.fingerprint
    assert second.market.origin == found.market.origin


# -- dated honestly --------------------------------------------------------------------------------------------------


def test_a_series_fetched_without_vintages_serves_no_session_before_unless_a_lag_is_stated(load: Load) -> None:
    days, values, _ = SERIES["DGS10"]
    keep("fred", "ALL", days, values, np.full(len(days), BOUGHT))
    with pytest.raises(ConfigError) as told:
        load("{store: fred, series: ALL}")
    assert f"market.facts.fact: known on no session to {DAYS[-1]}" in str(told.value)
    assert "or state `lag:`" in str(told.value)
    found = load("{store: fred, series: ALL, lag: 2}")
    day = int(np.searchsorted(DAYS, days[4] + 2, side="right"))
    assert [fact_of(found)[row, 0] for row in (day - 1, day)] == [values[3], values[4]]
    [note] = [note for note in found.market.notes if "ALL" in note]
    assert "As the file states, a value that was fetched without that day counts as known 2 days after its own" in note
    assert note.warning


@pytest.mark.parametrize("fact", [TEN, TWO, RSI, RATIO])
def test_what_becomes_known_later_changes_no_fact_of_before(load: Load, fact: str) -> None:
    """From a session on all values are known to be other ones; and nothing is known from then on."""
    before, t = fact_of(load(fact)), 160
    for store, every in {"fred": SERIES, "alpha_vantage": FIGURES}.items():
        rows = [
            rows_of(store, name, days, -values - 9.0, np.full(len(days), DAYS[t].astype("datetime64[us]") + 1))
            for name, (days, values, _) in every.items()
        ]
        named_store(store).add(pd.concat(rows))
    after = fact_of(load(fact))
    np.testing.assert_array_equal(after[: t + 1], before[: t + 1])
    assert not np.array_equal(after[t + 1 :], before[t + 1 :], equal_nan=True)
    moment = DAYS[t].astype("datetime64[us]") - 1
    for store in ("fred", "alpha_vantage"):
        known = named_store(store).rows(history=True)
        for part in named_store(store).parts:
            part.unlink()
        named_store(store).add(known[known["fetched_at"] <= moment])
    np.testing.assert_array_equal(fact_of(load(fact))[: t + 1], before[: t + 1])


def test_a_policy_on_facts_of_a_store_passes_the_audit_of_look_ahead(load: Load) -> None:
    found = load(RSI, **{"schedule: month}": "schedule: month, allocation: {kind: market_cap, fact: fact}}"})
    audited = audit_policy(found, lambda _: found.policies["quarterly"], days=3)
    assert not audited.found, str(audited)
    assert audited.checked


# -- as known --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fact", [TWO, RSI])
def test_settings_give_the_same_facts_after_revisions_and_later_values(load: Load, again: Any, fact: str) -> None:
    found = load(fact)
    for store, name in (("fred", "DGS2"), ("alpha_vantage", "MSFT:RSI:14")):
        keep(store, name, DAYS[[-2, 40]], np.array([9.0, 8.0]), np.full(2, LATER))
    second = again(found)
    assert second.market.fingerprint == found.market.fingerprint
    assert second.market.origin == found.market.origin


def test_the_fingerprint_of_rows_is_that_of_facts_too(load: Load) -> None:
    rows = load(TWO).market.origin["rows"]
    stated = {"source: yahoo,": f"source: yahoo, rows: {rows},"}
    assert load(TWO, **stated).market.origin["rows"] == rows
    keep("fred", "DGS2", DAYS[[40]], np.array([8.0]), DAYS[[43]].astype("datetime64[us]"))
    with pytest.raises(ConfigError, match=rf"market\.rows: not the rows of store 'yahoo' and 'fred'.*found '{rows}'"):
        load(TWO, **stated)


def test_a_fact_fetched_after_the_prices_moves_the_moment_of_the_run(load: Load) -> None:
    keep("fred", "LATE", DAYS[:3], np.ones(3), np.full(3, LATER))
    assert load("{store: fred, series: LATE, lag: 1}").market.origin["known_on"] == f"{LATER}Z"
    with pytest.raises(ConfigError, match=r"market\.facts\.fact: was not known on 2023-01-09.*LATE.*later moment"):
        load("{store: fred, series: LATE, lag: 1}", **{"source: yahoo,": "source: yahoo, known_on: 2023-01-09,"})


# -- refusals --------------------------------------------------------------------------------------------------------


@cases(
    "fact, said",
    ("{store: fred, series: DGS5}", r"no series of store 'fred' .*found 'DGS5'\. Run `rebalance data fetch .*desk"),
    ("{store: fred, series: DGS10, minus: DGS5}", r"no series of store 'fred' .*found 'DGS5'"),
    ("{store: mine, series: DGS10}", r"no series of store 'mine' .*Use alpha_vantage, fred, yahoo"),
    ("{store: fred}", r"states no values of the store.*Give one of `series`, `indicator` and `overview`"),
    ("{store: fred, series: DGS10, overview: EPS}", "states series and overview"),
    ("{store: fred, indicator: RSI, window: 14}", "indicator.*: is of alpha_vantage alone"),
    ("{store: alpha_vantage, indicator: RSI}", "indicator.*: has no window.*window: 14"),
    ("{store: alpha_vantage, indicator: rsi, window: 14}", r"market\.facts\.fact\.indicator"),
    ("{store: alpha_vantage, indicator: RSI, window: 9}", r"no series of store .*AAPL:RSI:9.*rebalance data fetch"),
    ("{store: alpha_vantage, overview: EPS, lag: 1}", "lag.*: has no meaning with `overview`"),
    ("{store: fred, series: DGS10, window: 14}", "window.*: has no meaning with `series`"),
    ("{store: fred, series: DGS10, lag: -1}", r"market\.facts\.fact\.lag"),
    ("{store: fred, sries: DGS10}", r"sries: unknown key .*Did you mean 'series'\?"),
    ("{store: ../fred, series: DGS10}", r"market\.facts\.fact\.store"),
)
def test_a_fact_that_no_store_has_is_refused_at_its_place(load: Load, fact: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(fact)


def test_a_figure_of_companies_is_refused_where_no_line_is_one(load: Load) -> None:
    with pytest.raises(ConfigError, match=r"market\.facts\.fact: of no asset, as none is a company .*PERatio"):
        load(RATIO, **{"AAPL: {": "GLD: {symbol: SPY, ", "MSFT: {": "TLT: {symbol: SPY, "})
