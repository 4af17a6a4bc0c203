"""One page of each kind, small but with every block: what `benchmarks.browser` looks at."""

import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from backtests.comparison import Comparison, compare
from backtests.laboratory.learned.results import SHEET
from backtests.laboratory.simulated_market import FULLY_INVESTED, MARKETS
from backtests.laboratory.study import study
from backtests.sheets.pages.batch import batch_html
from backtests.sheets.pages.laboratory import laboratory_html
from backtests.sheets.pages.real_markets import study_html, study_sheet
from backtests.sheets.pages.risk_sheet import write_risk_sheet
from backtests.sheets.pages.sweep import sweep_sheet
from backtests.sheets.pages.tearsheet import write_tearsheet
from backtests.sheets.pages.universal_card import judged, universal_html
from backtests.studies.real_markets import STUDY_FOLDER, Study
from backtests.sweeps import Axes, Choices, sweep, threshold
from backtests.today.holdings_risk import holdings_risk
from desk.commands.batch.run import Outcome, table_of
from desk.commands.report import run_for, save_learned, trades_of
from research.learning.universal.rule import trained
from research.portfolio import load_portfolio
from research.rules import Calendar, Never

FILE = "data/portfolios/global_multi_asset.yaml"
POLICIES = ("never", "quarterly", "threshold", "tuned", "rl", "hrp_threshold")


@cache
def compared() -> Comparison:
    """A comparison with a learned policy, hardly trained."""
    desk = load_portfolio(FILE, {"policies.rl.steps": 4_000, "policies.rl.seeds": [1, 2]})
    return compare(desk, only=list(POLICIES), draws=200)


def tearsheet() -> str:
    """The sheet of a comparison."""
    found = compared()
    with tempfile.TemporaryDirectory() as place:
        write_tearsheet(Path(place), found, trades_of(found), run_for("report", found.portfolio, found.settings))
        return (Path(place) / "tearsheet.html").read_text(encoding="utf-8")


def single() -> str:
    """The sheet of one of its policies."""
    found = compared()
    return found.backtests["threshold"].sheet().page(run_for("backtest", found.portfolio, found.settings))


def risk() -> str:
    """The risk sheet of the same file's holdings."""
    desk = compared().portfolio
    ready = {name: desk.policies[name] for name in ("threshold", "never")}
    with tempfile.TemporaryDirectory() as place:
        write_risk_sheet(Path(place), holdings_risk(desk, ready, paths=200), {"Run": "a run"})
        return (Path(place) / "risk.html").read_text(encoding="utf-8")


def card() -> str:
    """The card of its learned policy."""
    found = compared()
    with tempfile.TemporaryDirectory() as place:
        save_learned(found.fitted, found.seed_backtests, found.seed_scores, {"quarterly": 3.9}, Path(place), "a run")
        return (Path(place) / "policies" / "rl" / SHEET).read_text(encoding="utf-8")


def universal() -> str:
    """The card of the universal policy."""
    policy = trained()
    return universal_html("universal", policy, judged(policy, 8, 10))


def swept() -> str:
    """The page of a sweep."""
    desk = load_portfolio(FILE)
    days = desk.market.dates[desk.market.dates >= desk.test_start]
    rules = (
        Choices(Never),
        Choices(Calendar, schedule=("month", "quarter")),
        Choices(threshold, band=(0.01, 0.02, 0.03, 0.05), to=(0.0, 0.5, 1.0)),
    )
    axes = Axes(rules, cost_multiples=(0.5, 1.0, 2.0), lags=(0, 1, 5), starts=[days[0], days[63], days[126]])
    found = sweep(desk, axes, progress=False)
    return sweep_sheet(found.table, title=desk.name, tracking_penalty=desk.tracking_penalty, run={"Run": "a run"}).page


def laboratory() -> str:
    """The page of the laboratory."""
    markets = {name: MARKETS[name] for name in ("1 bp", "10 bp, ten assets")}
    name = next(iter(FULLY_INVESTED))
    found = study(paths=12, markets=markets, invested={name: FULLY_INVESTED[name]})
    return laboratory_html(found, {"Run": "a run"})


def studied() -> str:
    """The study on real markets that comes with the workbench."""
    return study_html(study_sheet(Study.load(STUDY_FOLDER)))


def batch() -> str:
    """The index of a batch: runs that were made, found and failed."""
    rows = [
        Outcome(
            portfolio=name, parameters=(f"draws={draws}",), run=f"{name}-{draws}", status=status, policy="threshold",
            verdict="Use threshold: it trades when a weight is 2 points off target.", growth=0.05, sharpe=0.5,
            max_drawdown=-0.2, tracking_error=0.01, cost=1.0, warnings="One warning.\nAnother.",
            trades="Sell SPY; buy AGG.", orders=2, turnover=0.03, drawdowns=(0.0, -0.2, -0.1),
            page=f"../{name}-{draws}/tearsheet.html", seconds=12.0, now="quarterly", gain=3_000.0,
        )
        if status != "failed"
        else Outcome(
            portfolio=name, parameters=(f"draws={draws}",), run=f"{name}-{draws}", status=status, policy="",
            verdict="broken.yaml, line 3: unknown key.", page=f"failures/{name}.txt",
        )
        for name, status in (("sixty_forty", "made"), ("global", "found"), ("broken", "failed"))
        for draws in (100, 200)
    ]  # fmt: skip
    return batch_html("nightly", "compare_policies", table_of(rows))


SHEETS: Mapping[str, Callable[[], str]] = {
    "tearsheet": tearsheet,
    "single": single,
    "risk": risk,
    "card": card,
    "universal": universal,
    "sweep": swept,
    "laboratory": laboratory,
    "study": studied,
    "batch": batch,
}
