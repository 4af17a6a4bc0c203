"""Files that rebuild public reports, each with the values of own arithmetic; and the mends that refusals offer."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cases import cases

from backtests.engine import backtest
from foundation.errors import DataError
from research.accounting import Costs
from research.allocation import FixedWeights, Signals
from research.market import Market, last_sessions, market_from_file, market_from_frame
from research.market.reading.price_import import Understood, understand
from research.market.reading.tables import read_table
from research.rules import Calendar

CASES = Path(__file__).parent / "price_cases"
BOTH = {"ORRA": (97.50, -1.0052), "TESK": (48.14, -0.2693)}  # last close, and return of the last session in per cent
ORRA, TESK = {"ORRA": BOTH["ORRA"]}, {"TESK": BOTH["TESK"]}
ANY = "*"  # the only asset, however it is named
LOW, EUR = {"ORRA": (102.12, 0.1373)}, {"EURUSD": (1.07531, 0.1248)}
RIGHT: dict[str, dict[str, tuple[float, float]]] = {
    "one_share_bars": {ANY: (97.50, -1.0052)},
    "one_share_bars_volume": {ANY: (97.50, -1.0052)},
    "german_bars": {ANY: (48.14, -0.2693)},
    "german_bars_volume": {ANY: (14_077.73, -0.6714)},
    "polish_bars_volume": {ANY: (116.46, -2.3314)},
    "quantmod_names": ORRA,
    "volume_beside_closes": BOTH,
    "counter_index": BOTH,
    "counter_unnamed": BOTH,
    "per_cent_change_beside": BOTH,
    "range_per_cent_beside": BOTH,
    "sharadar_sep_dividend": {"VELM": (63.32, 0.3328)},
    "raw_closes_split": {"BRUN": (91.72, 0.2404), **TESK},
    "bad_tick_and_stuck_price": {"ORRA": (97.04, -0.5738), "TESK": (52.47, 0.0)},
    **dict.fromkeys(
        (
            "time_of_the_close", "time_in_utc", "time_in_new_york", "unix_seconds", "unix_milliseconds", "newest_first",
            "day_and_month_name", "month_first_short_year", "days_as_integers", "live_last_row", "range_index",
            "cells_not_available", "closing_row_average",
        ),
        BOTH,
    ),
    "bloomberg_bdh": {f"{name} US Equity": values for name, values in BOTH.items()},
    "stooq_bulk": {"ORRA.US": (97.50, -1.0052)},
    "yahoo_web_copy": {ANY: (97.50, -1.0052)},
    "ok_stable_coin": {"USDQ": (1.00008, -0.02), **LOW},
    "ok_money_fund": {"QMMF": (1.024127, 0.0197), **LOW},
    "ok_rate_near_one": {**EUR, **LOW},
    "ok_twin_funds": {"QTWA": (447.79, 0.0514), "QTWB": (449.34, 0.0468), "TESK": (47.72, 0.2732)},
    "ok_share_classes": {"KORVA": (154.11, 0.9102), "KORVB": (152.89, 0.8376)},
    "ok_hedged_class": {"QWLD": (32.94, -0.1213), "QWLDH": (33.16, 0.0302)},
    "ok_identical_columns": {"QIDA": (63.20, 0.8135), "QIDB": (63.20, 0.8135), "TESK": (47.72, 0.2732)},
    "ok_names_with_a_stroke": {"KOR/B": (215.54, -0.6499), "EUR/USD": EUR["EURUSD"], "BTC/USDT": (48_521.65, -1.8714)},
}  # fmt: skip
GROWTH = {
    "one_share_bars_volume": 17.0948,
    "quantmod_names": 17.0948,
    "sharadar_sep_dividend": 4.9074,
    "one_share_bars": 16.0714,
}  # over all rows, per cent
REFUSED = ("gross_returns", "log_prices", "short_year_both_ways", "signals_by_month", "weights_with_empty_rows")


def path_of(case: str) -> Path:
    return CASES / f"{case}.csv"


def file_market(case: str) -> Market:
    return market_from_file(path_of(case), cash=0.0, missing="halt")


@pytest.mark.parametrize("case", RIGHT)
def test_a_file_is_read_rightly_by_the_import_and_as_a_market(case: str) -> None:
    market, bars = file_market(case), understand(path_of(case)).bars
    right = RIGHT[case]
    if ANY in right:
        right = {market.assets[0]: right[ANY]}
    assert set(market.assets) == set(bars.assets) == set(right)
    for name, (close, last) in right.items():
        mine = bars.asset == bars.assets.index(name)
        assert bars.numbers["close"][mine][-1] == pytest.approx(close, rel=1e-12)
        assert 100.0 * market.returns[-1, market.assets.index(name)] == pytest.approx(last, abs=6e-5)
        assert str(bars.days[mine][-1]) == str(market.days[-1])
    if case in GROWTH:
        assert 100.0 * (market.index[-1, 0] / market.index[0, 0] - 1.0) == pytest.approx(GROWTH[case], abs=2e-3)


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("door", [understand, market_from_file])
def test_what_is_no_price_or_reads_two_ways_is_refused(case: str, door: Callable[[Path], object]) -> None:
    with pytest.raises(DataError, match=r"look like|read two ways|no day|have no price|impossible price|price missing"):
        door(path_of(case))


def test_every_case_has_its_test() -> None:
    others = {"rate_with_points", "three_shares"}
    assert {path.stem for path in CASES.iterdir()} == RIGHT.keys() | {*REFUSED} | others


def test_a_rate_takes_the_point_of_fred_for_no_value() -> None:
    table = read_table(path_of("rate_with_points"))
    known = table.cells[~np.isnan(table.cells)]
    assert (len(known), round(float(known.mean()), 4), known[-1]) == (58, 5.0803, 4.95)


def test_a_stated_order_of_day_and_month_is_taken() -> None:
    understood = understand(path_of("short_year_both_ways"), dates="mdy")
    assert [str(understood.bars.days.min()), str(understood.bars.days.max())] == ["2024-01-02", "2024-05-07"]


@cases(
    "case, said",
    ("raw_closes_split", "a split of 4:1 that its row does not state"),
    ("bad_tick_and_stuck_price", "ORRA on 2023-08-09 moves by"),
    ("bad_tick_and_stuck_price", "for 201 sessions, from 2023-05-26 to 2024-03-13"),
)
def test_what_looks_wrong_is_said_at_the_import_and_with_every_result(case: str, said: str) -> None:
    understood: Understood = understand(path_of(case))
    assert said in understood.text()
    market = file_market(case)
    played = backtest(market, Calendar(FixedWeights((0.5, 0.5)), "month"), Costs.bps(2), start=market.dates[1])
    assert said in " ".join(str(played).split())
    assert said in " ".join(played._repr_html_().split())
    assert any(said in warning for warning in played.warnings)


# -- mends that are offered ------------------------------------------------------------------------------------------


def offered(door: Callable[[], object]) -> str:
    """The code of the mend of a refusal."""
    with pytest.raises(DataError) as refusal:
        door()
    text = str(refusal.value)
    return next(code for code in MENDS if code in text)


MENDS = (
    "(frame / 100.0).cumprod()",
    "frame.cumprod()",
    "numpy.exp(frame)",
    "10.0 ** frame",
    "last_sessions(frame.index)",
    "frame.rename(columns=str)",
)


def test_levels_made_of_gross_returns_as_told_have_their_growth() -> None:
    frame = pd.read_csv(path_of("gross_returns"), index_col=0, parse_dates=True)
    assert offered(lambda: market_from_frame(frame)) == "frame.cumprod()"
    assert offered(lambda: market_from_frame(100.0 * frame)) == "(frame / 100.0).cumprod()"
    before = pd.DataFrame(1.0, index=pd.DatetimeIndex(["2023-12-29"]), columns=frame.columns)
    market = market_from_frame(pd.concat([before, frame]).cumprod(), cash=0.0)
    assert (100.0 * (market.index[-1] / market.index[0] - 1.0)).round(4).tolist() == [-8.1443, 0.1501]


@pytest.mark.parametrize("times", [0.01, 0.1, 3.0, 10.0, 100.0])
@pytest.mark.parametrize("rows", [60, 124, 500])
def test_a_wrong_tick_is_read_and_said(times: float, rows: int) -> None:
    rng, days = np.random.default_rng(rows), pd.bdate_range("2020-01-06", periods=rows)
    prices = np.round(80.0 * np.exp(np.cumsum(rng.normal(0.0, 0.012, (rows, 2)), axis=0)), 2)
    prices[rows // 2, 0] *= times
    market = market_from_frame(pd.DataFrame(prices, days, ["ORRA", "TESK"]), cash=0.0, calendar="24/7")
    assert any("ORRA moved by more than 40 %" in note for note in market.notes)


def test_prices_made_of_logarithms_as_told_have_their_growth() -> None:
    frame = pd.read_csv(path_of("log_prices"), index_col=0, parse_dates=True)
    assert offered(lambda: market_from_frame(frame)) == "numpy.exp(frame)"
    market = market_from_frame(np.exp(frame), cash=0.0)
    growth = 100.0 * (market.index[-1] / market.index[0] - 1.0)
    assert growth.tolist() == pytest.approx([-7.2201, 9.4723], abs=1e-4)


def test_logarithms_to_another_base_are_told_with_theirs() -> None:
    frame = pd.read_csv(path_of("three_shares"), index_col=0, parse_dates=True)
    logs = np.log10(frame).round(8)
    assert offered(lambda: market_from_frame(logs)) == "10.0 ** frame"
    given, mended = market_from_frame(frame, cash=0.0), market_from_frame(10.0**logs, cash=0.0)
    np.testing.assert_allclose(mended.returns, given.returns, atol=1e-6)


def test_prices_of_small_numbers_written_as_told_are_read() -> None:
    frame = np.log(pd.read_csv(path_of("three_shares"), index_col=0, parse_dates=True))
    with pytest.raises(DataError, match="at most four decimals"):
        market_from_frame(frame)
    assert market_from_frame(frame.round(4), cash=0.0).shape == (124, 3)


def test_signals_of_months_dated_as_told_trade_after_their_month() -> None:
    market = market_from_frame(pd.read_csv(path_of("three_shares"), index_col=0, parse_dates=True), cash=0.0)
    frame = pd.read_csv(path_of("signals_by_month"), index_col=0)
    for index in (frame.index, pd.PeriodIndex(frame.index, freq="M")):
        assert offered(lambda dated=index: Signals(frame.set_axis(dated))) == "last_sessions(frame.index)"
        table = frame.set_axis(last_sessions(index))
        assert table.index.strftime("%m-%d").tolist() == ["02-29", "03-28", "04-30", "05-31", "06-28"]
        assert nav(market, Signals(table), "2024-03-01") == pytest.approx(1.062289, abs=5e-7)


def test_empty_rows_of_weights_are_no_orders_where_the_table_says_so() -> None:
    market = market_from_frame(pd.read_csv(path_of("three_shares"), index_col=0, parse_dates=True), cash=0.0)
    table = pd.read_csv(path_of("weights_with_empty_rows"), index_col=0, parse_dates=True)
    with pytest.raises(DataError, match="has 354 empty cells of 372"):
        Signals(table)
    assert nav(market, Signals(table, empty="no_order"), "2024-02-01") == pytest.approx(1.021930, abs=5e-7)
    assert nav(market, Signals(table, empty="zero"), "2024-02-01") == pytest.approx(0.975024, abs=5e-7)


def nav(market: Market, signals: Signals, start: str) -> float:
    played = backtest(market, Calendar(signals, "day"), Costs.bps(3), start=start, nav=1.0)
    return float(played.ledger.nav[-1])


def test_a_column_named_as_told_is_left_out_of_the_prices() -> None:
    frame = pd.read_csv(path_of("three_shares"), index_col=0, parse_dates=True)
    beside = frame.assign(x=np.round(1e6 * np.exp(np.random.default_rng(3).normal(0.0, 0.5, len(frame)))))
    with pytest.raises(DataError, match=r"the column 'x' is no price of an asset") as refusal:
        market_from_frame(beside)
    [named] = re.findall(r"as '([^']+)' names a volume", str(refusal.value))
    assert named == "ORRA Volume"
    market = market_from_frame(beside.rename(columns={"x": named}), cash=0.0)
    assert market.assets == ("ORRA", "TESK", "VELM")
    assert market.volumes is not None
