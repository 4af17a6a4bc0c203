"""A market of a store in a portfolio file: its lines, rates, benchmark, cash, what was known, and what is refused."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import cases

from foundation.errors import ConfigError, DataError
from foundation.home import STORES
from research.market.calendars import sessions
from research.market.cash import bill_return, embedded_rates
from research.market.rows import price_rows
from research.market.store import PriceStore, named_store
from research.orders import trade_list
from research.portfolio import Portfolio
from research.portfolio.file.document import read_document
from research.portfolio.file.known_on import KNOWN_ON
from research.portfolio.file.settings import names_of
from research.portfolio.keys.market import read_market
from research.portfolio.keys.portfolio_keys import PortfolioKeys

FILE = """\
name: Stored
market: {source: yahoo}
basis: USD
cash: 10_000
lines:
  SPY: {asset_class: us_equity, target: 0.6, range: [0.5, 0.7], shares: 100}
  AGG: {asset_class: bonds, target: 0.4, range: [0.3, 0.5], shares: 200}
costs:
  us_equity: {commission_bps: 1, half_spread_bps: 1}
  bonds: {commission_bps: 1, half_spread_bps: 1}
policies: {quarterly: {rule: calendar, schedule: quarter}}
policy: quarterly
"""
MARKET, AGG = "{source: yahoo}", "AGG: {"
DAYS = sessions(np.datetime64("2022-10-03"), np.datetime64("2023-01-20"), "XNYS")  # 76
LAST = {"SPY": 395.0, "AGG": 98.0, "QQQ": 280.0, "BRK-B": 310.0, "UK": 7.7, "GBPUSD": 1.23}
POUND = {"2022-09-26": 1.08, "2022-09-28": 1.06, "2022-10-17": 1.13, "2022-11-15": 1.19, "2022-12-13": 1.24,
         "2022-12-29": 1.2, "2023-01-20": 1.23}  # fmt: skip  # about: dollars a pound
KNOWN = np.datetime64("2023-01-21T06:00", "us")
LATER = np.datetime64("2023-01-24T06:00", "us")
FETCH = r"Run `rebalance data fetch .*desk\.yaml` first\."
Load = Callable[..., Portfolio]


def keep(name: str, asset: str, days: np.ndarray, close: Any, known: np.datetime64 = KNOWN, **more: Any) -> None:
    """Rows of one asset into the store of a name."""
    texts = {"currency": "GBP" if asset == "UK" else "USD", "source": name} | more
    named_store(name).add(price_rows(asset, days, close, fetched_at=known, **texts))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of stores with a store `yahoo`, whose closes walk to the last ones."""
    folder, draws = tmp_path_factory.mktemp("stores"), np.random.default_rng(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(STORES, str(folder))
        for asset, close in LAST.items():
            days = sessions(DAYS[0] - 7, DAYS[-1], "24/5") if asset == "GBPUSD" else DAYS
            walk = np.cumsum(draws.normal(0.0, 0.004, len(days)))
            prices = np.round(close * np.exp(walk - walk[-1]), 4)
            if asset == "GBPUSD":  # rates are held against those of the European Central Bank
                when = np.array([*POUND], "datetime64[D]").astype(float)
                prices = np.interp(days.astype(float), when, [*POUND.values()])
            keep("yahoo", asset, days, prices)
        named_store("yahoo").describe(adjustment="raw")
    return folder


@pytest.fixture
def load(load_text: Load) -> Load:
    """What loads the file with pieces of its text changed."""
    return lambda market=MARKET, **changed: load_text(FILE.replace(MARKET, market), **changed)


def closes(name: str, asset: str) -> np.ndarray:
    return named_store(name).read([asset]).numbers["close"]


# -- assets -----------------------------------------------------------------------------------------------------------


def test_a_market_of_a_source_is_that_of_its_store(load: Load) -> None:
    found = load()
    assert (found.market.assets, found.market.name, found.market.calendar) == (("SPY", "AGG"), "yahoo", "XNYS")
    assert np.array_equal(found.market.days, DAYS)
    assert np.array_equal(found.market.prices, np.column_stack([closes("yahoo", "SPY"), closes("yahoo", "AGG")]))
    assert found.nav == 10_000 + 100 * 395.0 + 200 * 98.0
    assert found.market.origin["known_on"] == "2023-01-21T06:00:00.000000Z"


def test_the_test_starts_after_a_third_of_the_data_and_the_first_day_is_that_of_the_last_trade(load: Load) -> None:
    found = load()
    assert found.test_start == found.market.dates[76 // 3]
    assert found.last_trade == found.market.dates[0]
    found = load("{source: yahoo, first: 2022-11-01}")
    assert found.last_trade == found.market.dates[0] == np.datetime64("2022-11-01")
    assert found.test_start == found.market.dates[len(found.market.dates) // 3]


def test_prices_that_must_be_looked_at_are_told_to_whoever_trades_on_them(load: Load) -> None:
    found = load()
    assert not any("looked at" in note for note in trade_list(found, found.policies["quarterly"]).notes)
    keep("yahoo", "SPY", DAYS[[40]], closes("yahoo", "SPY")[[40]] / 100.0, LATER)
    found = load()
    (said,) = (note for note in trade_list(found, found.policies["quarterly"]).notes if "looked at" in note)
    assert said.startswith("The prices of 1 asset must be looked at, the worst by points of 100: SPY ")
    assert said.endswith(f". `rebalance data check {Path(found.file).name}` says why.")


@pytest.mark.parametrize("symbol", ["BRK/B", "brk.b", "BRK-B"])
def test_a_symbol_of_any_spelling_names_the_rows_of_a_line(load: Load, symbol: str) -> None:
    found = load(**{AGG: f"BERKSHIRE: {{symbol: {symbol}, "})
    assert found.market.assets == ("SPY", "BERKSHIRE")
    assert np.array_equal(found.market.prices[:, 1], closes("yahoo", "BRK-B"))
    assert found.settings["lines"]["BERKSHIRE"]["symbol"] == symbol


def test_an_id_of_an_imported_store_is_taken_as_its_table_writes_it(load: Load) -> None:
    for asset, close in {"FB": 20.0, "META": 30.0, "AGG": 98.0}.items():
        keep("mine", asset, DAYS, close * np.ones(len(DAYS)))
    found = load("{store: mine}", **{"SPY: {": "FB: {"})  # which the table of instruments has as META
    assert found.market.prices[-1].tolist() == [20.0, 98.0]
    found = load("{store: mine}", **{"SPY: {": "facebook: {symbol: FB, "})
    assert (found.market.assets[0], found.market.prices[-1, 0]) == ("facebook", 20.0)
    found = load("{store: mine}", **{"SPY: {": "Meta: {"})  # which it has not, and instruments know
    assert found.market.prices[-1, 0] == 30.0


def test_a_line_that_left_the_market_leaves_this_one_with_its_return(stores: Path, tmp_path: Path) -> None:
    keep("yahoo", "GONE", DAYS[:70], 5.0 * np.ones(70))
    header = "asset_id,name,kind,currency,delisted,delisting_return\n"
    (stores / "instruments.csv").write_text(f"{header}GONE,Gone Inc.,stock,USD,{DAYS[70]},-0.25\n")
    (tmp_path / "desk.yaml").write_text(FILE.replace(AGG, "GONE: {"), encoding="utf-8")
    found = read_market(read_document(tmp_path / "desk.yaml", None, names_of(PortfolioKeys)))
    assert found.days[-1] == DAYS[-1]
    assert found.returns[69:72, 1].tolist() == [0.0, -0.25, 0.0]


def test_facts_are_computed_from_the_market_of_a_store(load: Load) -> None:
    found = load("{source: yahoo, facts: {mom: {indicator: momentum, window: 20, skip: 0}}}").market
    assert found.facts["mom"][-1] == pytest.approx(found.index[-1] / found.index[-21] - 1.0, rel=1e-12)


# -- rates of exchange and the benchmark -----------------------------------------------------------------------------

POUNDS = "UK: {currency: GBP, "


def test_the_rate_of_a_foreign_line_is_taken_by_itself(load: Load) -> None:
    found, rates = load(**{AGG: POUNDS}), named_store("yahoo").read(["GBPUSD"])
    ended = rates.numbers["close"][np.searchsorted(rates.days, DAYS) - 1]  # a day of rates ends after New York's close
    assert found.nav == pytest.approx(10_000 + 100 * 395.0 + 200 * 7.7 * ended[-1], rel=1e-12)
    pounds = closes("yahoo", "UK") * ended
    assert found.market.returns[1:, 1] == pytest.approx(pounds[1:] / pounds[:-1] - 1.0, abs=1e-12)
    assert found.market.assets == ("SPY", "UK")


CASH_IN_POUNDS = {
    "of the key": "cash: {GBP: 1_000}",
    "of a broker's file": "positions: {file: held.csv}",
    "of an account": "accounts: {isa: {kind: sheltered, cash: {GBP: 1_000}, shares: {SPY: 100, AGG: 200}}}",
}


@pytest.mark.parametrize("stated", CASH_IN_POUNDS)
def test_the_rate_of_foreign_cash_is_taken_by_itself(load: Load, tmp_path: Path, stated: str) -> None:
    rows = ["SPY,100,39500,USD", "AGG,200,19600,USD", "GBP,1000,1000,GBP"]
    (tmp_path / "held.csv").write_text("\n".join(["Symbol,Quantity,Market Value,Currency", *rows]))
    own = {} if stated == "of the key" else {", shares: 100": "", ", shares: 200": ""}
    found = load(**{"cash: 10_000": CASH_IN_POUNDS[stated]} | own)
    (rate,) = named_store("yahoo").read(["GBPUSD"]).numbers["close"][[-2]]  # of the day that ended before this close
    assert found.nav == pytest.approx(100 * 395.0 + 200 * 98.0 + 1_000 * rate, abs=0.005)  # a cent
    assert found.market.assets == ("SPY", "AGG")


def test_rates_that_the_file_states_stand_in_place_of_the_stored_ones(load: Load, tmp_path: Path) -> None:
    rows = "".join(f"{day},1.25\n" for day in DAYS)
    (tmp_path / "rates.csv").write_text(f"date,GBPUSD\n{rows}")
    found = load(**{AGG: POUNDS, "cash: 10_000": "fx: rates.csv\nprices_ok: [GBPUSD]\ncash: 10_000"})
    assert found.nav == pytest.approx(10_000 + 100 * 395.0 + 200 * 7.7 * 1.25, rel=1e-12)
    pounds = closes("yahoo", "UK")
    assert found.market.returns[1:, 1] == pytest.approx(pounds[1:] / pounds[:-1] - 1.0, abs=1e-12)


def test_a_benchmark_that_is_an_instrument_is_read_and_not_held(load: Load) -> None:
    found = load(**{"policy: quarterly": "policy: quarterly\nbenchmark: QQQ"})
    assert found.market.assets == ("SPY", "AGG")
    assert (found.benchmark.kind, found.benchmark.name) == ("series", "QQQ")
    close = closes("yahoo", "QQQ")
    assert found.benchmark.returns[1:] == pytest.approx(close[1:] / close[:-1] - 1.0, abs=1e-15)
    with pytest.raises(ConfigError, match=rf"^benchmark: no prices of it in store 'yahoo'.*line 13.*'VTI'.*{FETCH}"):
        load(**{"policy: quarterly": "policy: quarterly\nbenchmark: VTI"})


# -- cash ------------------------------------------------------------------------------------------------------------


def test_the_bill_as_cash_is_continued_by_the_rates_that_were_fetched(load: Load) -> None:
    later = DAYS[np.datetime64("2022-12-30") < DAYS]
    percent = 4.3 + np.arange(len(later)) / 100.0
    keep("fred", "DTB3", later, percent, KNOWN + 1, currency="")
    found = load("{source: yahoo, cash: bill}").market
    rates = dict(zip(embedded_rates().days, embedded_rates().percent, strict=True)) | dict(
        zip(later, percent, strict=True)
    )
    held = np.diff(DAYS).astype(int)
    due = [round(float(bill_return(rates[DAYS[t]], int(held[t]))), 12) for t in range(60, 75)]
    assert found.cash[61:].tolist() == due
    assert found.origin["known_on"] == "2023-01-21T06:00:00.000001Z"  # when its last number was known


def test_a_market_that_outlasts_the_bill_is_refused_with_the_way_on(load: Load) -> None:
    with pytest.raises(ConfigError) as told:
        load("{source: yahoo, cash: bill}")
    assert "the bill's last rate, of 2022-12-30, serves 5 sessions, and cash needs one on 2023-01-10." in str(
        told.value
    )
    assert "Run `rebalance data fetch`" in str(told.value)
    assert str(told.value).startswith("market (")
    assert "desk.yaml, line 2)" in str(told.value)


def test_a_yearly_rate_is_earned_over_calendar_days(load: Load) -> None:
    found = load("{source: yahoo, cash: 0.0365}")
    assert found.market.cash[1:].tolist() == [round(1e-4 * days, 12) for days in np.diff(DAYS).astype(int).tolist()]
    assert load("{source: yahoo, cash: 0}").market.cash.tolist() == [0.0] * len(DAYS)


def test_a_file_of_rates_in_percent_is_earned(load: Load, tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text("date,rate\n2022-09-30,3.65\n2022-12-30,7.3\n")
    found = load("{source: yahoo, cash: rates.csv}").market
    per_day = np.where(DAYS[:-1] < np.datetime64("2022-12-30"), 1e-4, 2e-4)
    assert found.cash[1:] == pytest.approx(per_day * np.diff(DAYS).astype(int), abs=1e-15)
    assert any("rates.csv" in note for note in found.notes)


def test_a_series_of_a_store_is_earned(load: Load) -> None:
    keep("fred", "ESTR", DAYS, 3.65 * np.ones(len(DAYS)), currency="")
    keep("mine", "OWN", DAYS, 7.3 * np.ones(len(DAYS)), currency="")
    held = np.diff(DAYS).astype(int)
    assert load("{source: yahoo, cash: {series: ESTR}}").market.cash[1:] == pytest.approx(1e-4 * held, abs=1e-15)
    own = load("{source: yahoo, cash: {series: OWN, store: mine}}").market
    assert own.cash[1:] == pytest.approx(2e-4 * held, abs=1e-15)


def test_rates_that_look_like_fractions_are_refused(load: Load, tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text("date,rate\n2022-01-03,0.03\n2022-07-01,0.04\n")
    with pytest.raises(ConfigError, match=r"market\.cash: rates below 0\.2 %, which look like fractions.*rates\.csv"):
        load("{source: yahoo, cash: rates.csv}")
    (tmp_path / "rates.csv").write_text("date,percent\n2022-10-03,0.03\n2023-01-03,0.04\n")
    assert 0.0 < load("{source: yahoo, cash: rates.csv}").market.cash[-1] < 1e-5


def test_a_market_without_cash_earns_nothing_and_says_so(load: Load) -> None:
    found = load().market
    assert not found.cash.any()
    assert any("Cash earns nothing" in note for note in found.notes)


@cases(
    "market, basis, said",
    ("{source: yahoo}", "USD", "one as `cash` of the market, such as 0.02, or `bill`, the three-month US bill."),
    ("{source: yahoo}", "GBP", "Give a yearly one as `cash` of the market, such as 0.02."),
    ("{source: yahoo, cash: bill}", "USD", ""),
    ("{source: yahoo, cash: bill}", "GBP", "Cash in GBP earns the three-month US bill: give a rate of its own"),
)
def test_the_dollar_bill_is_for_cash_in_dollars(load: Load, market: str, basis: str, said: str) -> None:
    keep("fred", "DTB3", DAYS, 4.25)
    notes = [note for note in load(market, USD=basis).market.notes if note.warning and note.startswith("Cash ")]
    assert [said in note for note in notes] == [True] * bool(said)


@cases(
    "cash, said",
    ("absent.csv", r"market\.cash: cannot be read: .*absent\.csv.* \(.*line 2\)"),
    ("{series: SOFR}", rf"market\.cash\.series: no series of store 'fred' \(.*\): found 'SOFR'\. {FETCH}"),
    ("{series: SP, store: yahoo}", r"market\.cash\.series: no series of store 'yahoo' .*Did you mean 'SPY'\?"),
    ("{series: SOFR, sotre: fred}", r"market\.cash\.sotre: unknown key .*Did you mean 'store'\?"),
    ("3", r"market\.cash"),
    ("bills", r"market\.cash: cannot be read: .*Write `bill`, a yearly rate such as 0\.03"),
)
def test_what_is_no_cash_is_refused_at_its_place(load: Load, cash: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(f"{{source: yahoo, cash: {cash}}}")


# -- what was known --------------------------------------------------------------------------------------------------


def revise() -> None:
    """Another close of SPY in the past, known later."""
    keep("yahoo", "SPY", DAYS[10:11], [300.0], LATER)


def test_a_day_as_of_which_prices_are_known_stands_in_the_file_or_in_the_environment(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load().market
    revise()
    now = load().market
    assert now.prices[10, 0] == 300.0
    for written in ("2023-01-23", "2023-01-21", "2023-01-24T05:59:59Z", "2023-01-24T06:59+01:00", "2023-01-21 06:00"):
        assert load(f"{{source: yahoo, known_on: '{written}'}}").market.fingerprint == before.fingerprint
        monkeypatch.setenv(KNOWN_ON, written)
        assert load().market.fingerprint == before.fingerprint
        monkeypatch.delenv(KNOWN_ON)
    assert load("{source: yahoo, known_on: 2023-01-24}").market.fingerprint == now.fingerprint  # a day is its end
    monkeypatch.setenv(KNOWN_ON, "2023-01-23")
    assert (
        load("{source: yahoo, known_on: 2023-01-24}").market.fingerprint == before.fingerprint
    )  # an option goes first


def test_the_bill_too_is_as_it_was_known(load: Load) -> None:
    later = DAYS[np.datetime64("2022-12-30") < DAYS]
    keep("fred", "DTB3", later, np.full(len(later), 4.3), KNOWN + 1, currency="")
    before = load("{source: yahoo, cash: bill}").market
    keep("fred", "DTB3", later[:3], np.full(3, 4.9), LATER, currency="")
    assert load("{source: yahoo, cash: bill}").market.fingerprint != before.fingerprint
    told = before.origin["known_on"]
    again = load(f"{{source: yahoo, cash: bill, known_on: '{told}'}}").market
    assert (again.fingerprint, again.origin) == (before.fingerprint, before.origin)
    with pytest.raises(ConfigError, match="the bill's last rate, of 2022-12-30"):  # none was fetched then
        load("{source: yahoo, cash: bill, known_on: '2023-01-21T06:00:00.000000'}")


@pytest.mark.parametrize("written", ["yesterday", "now", "today", "2023", "NaT", "2023-13-01", "21.01.2023", "''"])
def test_what_is_no_moment_is_refused(load: Load, written: str) -> None:
    with pytest.raises(ConfigError, match=r"market\.known_on"):
        load(f"{{source: yahoo, known_on: {written}}}")


def test_before_the_first_fetch_nothing_was_known(load: Load) -> None:
    said = r"market \(.*line 2\): nothing was known of AGG in store 'yahoo' by 2023-01-20"
    with pytest.raises(ConfigError, match=said):
        load("{source: yahoo, known_on: 2023-01-20}")


def test_the_fingerprint_of_rows_guards_them(load: Load) -> None:
    rows = load().market.origin["rows"]
    assert load(f"{{source: yahoo, rows: {rows}}}").market.origin["rows"] == rows
    revise()
    with pytest.raises(ConfigError, match=rf"market\.rows: not the rows of store 'yahoo'.*found '{rows}'"):
        load(f"{{source: yahoo, rows: {rows}}}")
    assert load(f"{{source: yahoo, rows: {rows}, known_on: 2023-01-21}}").market.origin["rows"] == rows


def test_settings_read_back_give_the_same_portfolio_after_a_revision_too(load: Load, again: Any) -> None:
    first = load("{source: yahoo, cash: 0.03, first: 2022-10-10}", **{AGG: "BRK: {symbol: brk/b, "})
    revise()
    keep("yahoo", "BRK-B", np.array(["2023-01-23"], "M8[D]"), [311.0], LATER)
    second = again(first)
    assert second.market.fingerprint == first.market.fingerprint
    assert second.nav == first.nav
    assert second.settings["market"]["known_on"] == "2023-01-21T06:00:00.000000Z"


# -- repairs ---------------------------------------------------------------------------------------------------------


def test_repairs_of_the_file_reach_its_market(load: Load) -> None:
    keep("tiingo", "AGG", DAYS, 97.0 * np.ones(len(DAYS)))
    told = "repairs: [{asset: AGG, days: 2022-11-01..2022-11-02, how: second_source}], second: tiingo"
    found = load(f"{{source: yahoo, {told}}}")
    assert found.market.prices[np.datetime64("2022-11-01") == DAYS, 1] == 97.0
    assert any("Repaired by name" in note for note in found.market.notes)
    with pytest.raises(ConfigError, match=r"market \(.*line 2\): .*there is no second source"):
        load(f"{{source: yahoo, {told.removesuffix(', second: tiingo')}}}")
    with pytest.raises(ConfigError, match=r"market \(.*line 2\): .*the market has no 'AGGG'.*AGG"):
        load("{source: yahoo, repairs: [{asset: AGGG, days: 2022-11-01, how: drop}]}")


# -- refusals --------------------------------------------------------------------------------------------------------


def test_a_source_without_prices_is_refused_with_the_command_that_fetches_them(load: Load, stores: Path) -> None:
    with pytest.raises(ConfigError, match=rf"market\.source: has no prices yet \(.*line 2\): found 'tiingo'\. {FETCH}"):
        load("{source: tiingo}")
    said = r"market\.store: has no prices yet \(.*\): found 'mine'\. Run .*--as mine` first, .*yahoo\)"
    with pytest.raises(ConfigError, match=said):
        load("{store: mine}")
    shutil.rmtree(stores)
    with pytest.raises(ConfigError, match=r"has no prices yet .*: found 'mine'\. Run .*\(there is none\)"):
        load("{store: mine}")


def test_a_line_without_prices_is_refused_at_its_place(load: Load) -> None:
    said = rf"lines\.TLT: no prices of it in store 'yahoo' \(.*line 7\): found 'TLT'\. {FETCH}"
    with pytest.raises(ConfigError, match=said):
        load(**{AGG: "TLT: {"})
    keep("mine", "SPY", DAYS, 380.0 * np.ones(len(DAYS)))
    keep("mine", "bonds", DAYS, 98.0 * np.ones(len(DAYS)))
    with pytest.raises(ConfigError, match=r"lines\.bond: no prices of it in store 'mine'.*line 7.*'bonds'"):
        load("{store: mine}", **{AGG: "bond: {"})


def test_a_benchmark_without_prices_is_refused_as_the_benchmark(load: Load) -> None:
    named = {"policy: quarterly\n": "policy: quarterly\nbenchmark: TLT\n"}
    said = rf"^benchmark: no prices of it in store 'yahoo' \(.*line 13\).*'TLT'\. {FETCH}"
    with pytest.raises(ConfigError, match=said):
        load(**named)
    unknown = {"policy: quarterly\n": "policy: quarterly\nbenchmark: QZXW\n"}
    with pytest.raises(ConfigError, match=r"^benchmark: no benchmark \(.*line 13\): found 'QZXW'"):
        load(**unknown)


@pytest.mark.parametrize("written", ["tomorrow", "0001-01-01T00:00+10:00"])
def test_a_moment_of_the_command_line_that_is_none_is_refused_as_its_option(
    load: Load, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.setenv(KNOWN_ON, written)
    what = rf"^--as-known-on, or REBALANCE_KNOWN_ON, is no day .*'{re.escape(written)}'\. Write"
    with pytest.raises(ConfigError, match=what):
        load()


def test_a_list_names_its_rows_as_the_key_market_takes_them(load: Load) -> None:
    found = load()
    [note] = [n for n in trade_list(found, found.policies["quarterly"]).notes if n.startswith("Rows of the store")]
    assert load(f"{{source: yahoo, {note.split('`')[1]}}}").market.fingerprint == found.market.fingerprint
    keep("yahoo", "SPY", DAYS[-1:], [400.0], LATER)
    with pytest.raises(ConfigError, match=r"market\.rows: not the rows of store 'yahoo'"):
        load(f"{{source: yahoo, rows: '{found.market.origin['rows']}'}}")


@cases(
    "market, said",
    ("{source: yahoo, file: prices.csv}", "states file and source"),
    ("{source: yahoo, store: mine}", "states source and store"),
    ("{cash: bill}", "states no origin of prices.*Give `file: prices.csv`, `source: yahoo`, or `store:`"),
    ("{source: yahoo, quotes: prices.csv}", r"market\.quotes.*: has no meaning with `source`.*Leave it out"),
    ("{store: mine, currency: EUR}", r"market\.currency.*: has no meaning with `store`"),
    ("{file: multi_asset_daily, known_on: 2023-01-01}", r"market\.known_on.*: has no meaning with `file`"),
    ("{file: multi_asset_daily, first: 2010-01-01}", r"market\.first.*: has no meaning with `file`"),
    ("{source: yahoo, frist: 2010-01-01}", r"market\.frist: unknown key .*Did you mean 'first'\?"),
    ("{source: yahoo, first: soon}", r"market\.first"),
    ("{source: ../yahoo}", r"market\.source"),
    ("{source: yaho}", r"market\.source: not one of its words .*found 'yaho'\. Did you mean 'yahoo'\?"),
    ("{source: yahoo, missing: fill}", r"market \(.*\): unknown treatment of missing prices: .*missing='fill'"),
    ("{source: yahoo, calendar: XNIS}", r"market \(.*\): .*XNIS"),
    ("{source: yahoo, first: 2023-01-20}", r"market \(.*\): store 'yahoo' has rows of SPY and AGG on 1 session"),
)
def test_keys_that_do_not_fit_are_refused(load: Load, market: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(market)


def test_a_damaged_store_is_refused_with_its_file(load: Load, stores: Path) -> None:
    part = PriceStore(stores / "yahoo").parts[0]
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises((ConfigError, DataError), match=part.name):
        load()
