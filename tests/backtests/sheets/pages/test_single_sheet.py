"""The sheet of one policy: every number is the backtest's, the page is whole, and a run has it or does not exist."""

import html
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import vectorbt as vbt
from browser import Elements, check_page, redrawn, without_script
from jsonschema import Draft202012Validator

from backtests.engine import Backtest, backtest
from backtests.evaluation.comparator import RELATIVE_METRICS
from backtests.runs.verify import verify
from backtests.sheets.pages.single_sheet import NUMBERS, PAGE, SHEET_SCHEMA, SingleSheet
from desk.commands.finished_run import show_text
from desk.commands.replay import replay_run
from desk.commands.report import make_backtest
from foundation.errors import DataError
from research.accounting import Costs
from research.allocation import FixedWeights
from research.market import load_market
from research.rules import Calendar, Never

FILE = Path("data/portfolios/sixty_forty.yaml")
SCHEMA_FILE = Path(__file__).parents[4] / "docs" / "schemas" / f"sheet-{SHEET_SCHEMA}.json"
SECTIONS = [
    "table", "weights", "risk", "exposure", "years", "costs", "stress", "behaviour", "from_today", "trades",
    "conventions",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_backtest(FILE, "quarterly", tmp_path_factory.mktemp("reports"), sheet=True).folder


@pytest.fixture(scope="module")
def played() -> Backtest:
    market = load_market("multi_asset_daily").select(["SPY", "AGG"])
    rule = Calendar(FixedWeights((0.6, 0.4)), "quarter")
    return backtest(market, rule, Costs.bps(2, commission=5), start="2012-01-03", name="mine")


@pytest.fixture(scope="module")
def sheet(played: Backtest) -> SingleSheet:
    found: SingleSheet = played.sheet()
    return found


def faults(found: object) -> list[str]:
    """Where numbers break the schema, by its file alone."""
    validator = Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(found)]


def numbers(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / NUMBERS).read_text(encoding="utf-8"))
    return found


# a run


def test_the_run_is_whole_and_made_again_the_same(run) -> None:
    assert not verify(run).changed
    assert {PAGE, NUMBERS, "booked.csv", "results.parquet"} <= {path.name for path in run.iterdir()}
    assert replay_run(run).same
    assert PAGE in show_text(run)


def test_without_the_sheet_the_run_is_another_and_has_none(run, tmp_path) -> None:
    plain = make_backtest(FILE, "quarterly", tmp_path).folder
    assert plain.name != run.name
    assert not (plain / PAGE).exists()
    assert (plain / "booked.csv").read_bytes() == (run / "booked.csv").read_bytes()
    assert (plain / "summary.json").read_bytes() == (run / "summary.json").read_bytes()


def test_a_sheet_that_cannot_be_drawn_leaves_no_run(tmp_path, monkeypatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(SingleSheet, "write", broken)
    with pytest.raises((OSError, DataError), match="no space left"):
        make_backtest(FILE, "quarterly", tmp_path, sheet=True)
    assert [path for path in tmp_path.iterdir() if not path.name.startswith(".")] == []


def test_the_numbers_obey_the_schema_and_are_those_of_the_run(run) -> None:
    found = numbers(run)
    assert faults(found) == []
    summary = json.loads((run / "summary.json").read_text())
    assert {key: found["figures"][key] for key in summary} == summary
    assert found["orders"] == len(pd.read_csv(run / "booked.csv"))
    assert found["settings"]["policy"] == "quarterly"
    assert found["run"]["name"] == run.name
    for name, picture in found["pictures"].items():
        assert (run / picture["csv"]).is_file(), name


def test_the_page_has_all_sections_and_no_address(run, tmp_path) -> None:
    page = (run / PAGE).read_text(encoding="utf-8")
    elements = Elements(page)
    assert (elements.crossed, elements.open) == ([], [])
    assert [attrs["id"] for tag, attrs in elements.found if tag == "section" and "id" in attrs] == SECTIONS
    links = [attrs["href"] for tag, attrs in elements.found if tag == "a"]
    every = {attrs["id"] for _, attrs in elements.found if attrs.get("id")}
    assert {link[1:] for link in links if link is not None} <= every
    assert "http" not in re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)
    assert not re.search(r"(?i)\bnan\b", re.sub(r"<[^>]*>", " ", without_script(page)))
    check_page(page)


def test_every_sheet_of_paper_says_what_it_belongs_to(run, sheet) -> None:
    paper = re.findall(r"@page \{ @top-left.*", (run / PAGE).read_text(encoding="utf-8"))
    assert len(paper) == 1
    assert "counter(page)" in paper[0]
    assert f'@bottom-left {{ content: "{run.name}"; }}' in paper[0]
    alone = sheet.page()  # of no run: its header and its numbers all the same
    assert "counter(page)" in alone
    assert "@bottom-left { content" not in alone
    assert f'@top-left {{ content: "Backtest of {sheet.title}"; }}' in alone


def test_the_first_words_say_the_rule_and_what_came_of_it(run) -> None:
    words = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", (run / PAGE).read_text())).split())
    assert "quarterly: it trades each quarter, to target. In this test it grew" in words
    assert "Against the benchmark" in words
    assert "captures: the strategic target." in words


# in a notebook


def test_a_backtest_shows_and_writes_the_same_sheet(sheet, tmp_path) -> None:
    place = sheet.write(tmp_path / "made" / "here")
    assert place == tmp_path / "made" / "here" / PAGE
    shown = redrawn(sheet._repr_html_())
    for part in re.findall(r'<section id="risk">.*?</section>', place.read_text(encoding="utf-8"), flags=re.DOTALL):
        assert part in shown
    assert faults(numbers(place.parent)) == []
    assert numbers(place.parent)["portfolio"] is None
    assert "write(folder)" in repr(sheet)


def test_risk_of_the_sheet_is_that_of_vectorbt_and_pandas(sheet, played) -> None:
    found, net = sheet.numbers(), pd.Series(played.net_returns, played.dates[1:])
    peer = net.vbt.returns(freq="1D", year_freq="252D")
    assert found["figures"]["max_drawdown"] == pytest.approx(peer.max_drawdown(), rel=1e-10)
    assert found["figures"]["volatility"] == pytest.approx(peer.annualized_volatility(), rel=1e-10)
    assert found["figures"]["sortino"] == pytest.approx(
        sortino_over(net, played.market.cash[played.first + 1 :]), rel=1e-10
    )
    for level, tail in found["risk"]["tails"].items():
        losses = np.sort(-net.to_numpy())[::-1]
        mass = (1.0 - float(level)) * len(losses)
        k = int(mass)
        assert tail["var"] == losses[k]
        assert tail["cvar"] == pytest.approx((losses[:k].sum() + (mass - k) * losses[k]) / mass, rel=1e-12)
        assert tail["var"] == pytest.approx(-np.quantile(net, 1.0 - float(level), method="inverted_cdf"), abs=2e-4)


def test_drawdowns_of_the_sheet_are_the_records_of_vectorbt(sheet, played) -> None:
    records = vbt.Drawdowns.from_ts(pd.Series(played.growth_path, played.dates), freq="1D").records_readable
    columns = {"Peak Timestamp": "peak", "Valley Timestamp": "trough", "Recovery Timestamp": "recovery"}
    peers = records.assign(depth=records["Valley Value"] / records["Peak Value"] - 1.0).nsmallest(5, "depth")
    own = sheet.numbers()["risk"]["drawdowns"]
    assert [one["depth"] for one in own] == pytest.approx(peers["depth"].tolist(), rel=1e-10)
    for one, (_, peer) in zip(own, peers.iterrows(), strict=True):
        for theirs, ours in columns.items():
            if theirs in peer.index and one[ours] is not None:
                assert f"{peer[theirs]:%Y-%m-%d}" == one[ours]


def sortino_over(net: pd.Series, cash: np.ndarray) -> float:
    excess = net - cash
    return float(excess.mean() / np.sqrt(np.mean(np.minimum(excess, 0.0) ** 2)) * np.sqrt(252))


def test_growth_stands_beside_that_of_the_target_rebalanced_daily_without_cost(sheet, played) -> None:
    market, first = played.market, played.first + 1
    target = pd.Series(market.returns[first:] @ np.array([0.6, 0.4]), played.dates[1:])
    grown, data = np.append(1.0, (1.0 + target).cumprod()), sheet.content["growth"].data
    assert data[data["policy"] == "the strategic target"]["growth"].to_numpy() == pytest.approx(grown, rel=1e-12)
    own = data[data["policy"] == "mine"]
    assert own["relative_to_reference"].to_numpy()[-1] == pytest.approx(
        played.growth_path[-1] / played.growth_path[0] / grown[-1] - 1.0, rel=1e-9
    )
    year = sheet.behaviour.windows.cells().iloc[0]  # of the first month's end, held for a year
    begin, end = (list(played.dates.strftime("%Y-%m-%d")).index(year[name]) for name in ("start", "end"))
    days = 365.25 / (played.dates[end] - played.dates[begin]).days
    both = [(path[end] / path[begin]) ** days for path in (played.growth_path, grown)]
    assert year["difference"] == pytest.approx(both[0] - both[1], abs=1e-12)


def test_a_backtest_without_a_file_has_the_stress_and_behaviour_that_need_none(sheet, played) -> None:
    found = sheet.numbers()
    pandemic = next(one for one in found["stress"]["episodes"] if one["name"] == "Pandemic 2020")
    nav = played.nav
    assert pandemic["policies"]["mine"]["total_return"] == pytest.approx(nav["2020-03-23"] / nav["2020-02-19"] - 1.0)
    assert "Crisis of 2007-09 (2007-10-10 to 2009-03-09): before the test." in found["stress"]["left_out"]
    assert (found["stress"]["shocks"], found["stress"]["liquidity"]["policies"]) == ([], {})
    assert found["from_today"] == {"reason": "a year from today begins with the holdings of a portfolio file."}
    page = sheet.page()
    assert "mine has no ranges to stay within" in page
    assert 'id="from_today"' not in page


def test_a_file_adds_shocks_ranges_and_a_year_from_today(run) -> None:
    found = numbers(run)
    assert found["stress"]["shocks"][0]["name"] == "US equities fall 20 %"
    assert list(found["stress"]["liquidity"]["policies"]) == ["quarterly"]
    assert found["behaviour"]["ranges"]["quarterly"]["lines"][0]["lower"] == 0.55
    assert found["behaviour"]["cost_levels"] == []
    assert found["from_today"]["policies"] == ["quarterly"]
    assert len({one["law"] for one in found["from_today"]["futures"]}) == 3


# beside another benchmark


def test_a_benchmark_of_ones_own_changes_relative_figures_alone(sheet, played) -> None:
    market = played.market
    spy = pd.Series(market.returns[:, 0], market.dates, name="SPY")
    found = {"SPY": sheet.against(spy), "none": sheet.against(None), "itself": sheet.against(played)}
    base = sheet.numbers()
    for other in (each.numbers() for each in found.values()):
        for key in base.keys() - {"figures", "not_available", "risk", "benchmark", "behaviour", "pictures"}:
            assert other[key] == base[key], key
        for key in base["figures"].keys() - set(RELATIVE_METRICS):
            assert other["figures"][key] == base["figures"][key], key
    assert found["SPY"].numbers()["benchmark"] == "SPY"
    assert found["SPY"].numbers()["figures"]["beta"] == pytest.approx(
        np.polyfit(spy[played.dates[1:]], played.net_returns, 1)[0], rel=1e-3
    )
    assert found["itself"].numbers()["figures"]["beta"] == pytest.approx(1.0, rel=1e-12)
    assert all(found["none"].numbers()["figures"][key] is None for key in RELATIVE_METRICS)
    assert "captures: none." in found["none"]._repr_html_()
    assert "There is no benchmark of mine: starts and lengths are not compared." in found["none"]._repr_html_()
    assert set(found["none"].content["growth"].data["policy"]) == {"mine"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: 100 * s, r"SPY has percentages for returns: found .* Give fractions, 0\.01 for 1 %"),
        (lambda s: (1 + s).cumprod(), r"SPY has levels for returns: found .* Give returns, series\.pct_change\(\)"),
        (lambda s: s.to_frame(), r"is a DataFrame: give a Series of returns by day \(one column of a frame"),
        (lambda s: s.to_numpy(), "is a ndarray: give a Series of returns by day"),
        (lambda s: s.tz_localize("UTC"), r"SPY has dates with a zone: give plain dates, series\.tz_localize\(None\)"),
        (
            lambda s: s.drop(s.index[3000]),
            "the benchmark SPY has no return on 1 of 2,767 days of the test, the first 2019-0",
        ),
        (lambda s: s[:"2020-12-31"], "no return on 502 of 2,767 days of the test, the first 2021-01-04"),
        (
            lambda s: pd.concat([s, s[-1:].set_axis([pd.Timestamp("2018-12-05")])]).sort_index(),
            "2018-12-05 is no session",
        ),
        (lambda s: s[::-1], "dates in increasing order"),
        (lambda s: s.mask(s.index == s.index[3000]), "the benchmark SPY in row .* is not a number"),
    ],
    ids=["percent", "levels", "frame", "array", "zone", "gap", "short", "another calendar", "backwards", "empty"],
)
@pytest.mark.filterwarnings("error")
def test_a_benchmark_that_does_not_fit_is_refused(sheet, played, change, words) -> None:
    spy = pd.Series(played.market.returns[:, 0], played.market.dates, name="SPY")
    with pytest.raises(DataError, match=words):
        sheet.against(change(spy))


# of which little can be said


def test_a_policy_that_never_trades_has_a_sheet_that_says_why_figures_have_no_interval(played) -> None:
    still = backtest(played.market, Never(FixedWeights((0.6, 0.4))), Costs.bps(2), start="2018-01-02", name="still")
    found = still.sheet()
    assert "never traded" in repr(found)
    words = re.sub(r"<[^>]*>", " ", found._repr_html_())
    assert "No orders after the initial investment." in words
    assert "it never traded: its weights drift away, and no interval covers" in words
    assert faults(found.numbers()) == []


def test_a_few_days_are_too_few_for_its_intervals(played) -> None:
    short = backtest(played.market, Never(FixedWeights((0.6, 0.4))), Costs.bps(2), start="2022-12-01")
    with pytest.raises(DataError, match="20 days are too few"):
        short.sheet()


def test_some_months_have_a_sheet_with_its_reasons(played) -> None:
    short = backtest(played.market, Calendar(FixedWeights((0.6, 0.4)), "month"), Costs.bps(2), start="2022-09-01")
    found = short.sheet()
    assert faults(found.numbers()) == []
    assert "need a year of 252 returns" in found._repr_html_()
    assert "less than three years" in " ".join(found.warnings)
