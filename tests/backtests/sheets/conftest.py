"""The main portfolio, a comparison of some of its policies, and their sheet: made once, and changed by no test."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest
from written import ORIGIN

from backtests.comparison import Comparison, compare
from backtests.comparison.fitting.candidates import Fitted, backtest_candidate
from backtests.evaluation.scores import score
from backtests.sheets.pages.real_markets import study_html, study_sheet
from backtests.sheets.pages.tearsheet import write_tearsheet
from backtests.sheets.tables import Block
from backtests.studies.real_markets import Study, kept_study
from backtests.today.plan import LifeOfPlan, life_of_plan
from desk.commands.report import trades_of
from research.learning import Training
from research.market import load_market
from research.portfolio import Portfolio, load_portfolio
from research.rules import Threshold, Within

NAMES = ["never", "monthly", "quarterly", "threshold_edge", "threshold", "tuned", "hrp_threshold"]


@pytest.fixture(scope="module", autouse=True)
def _few(few_simulated_tests: None) -> None:
    """Pages show whatever follows from simulated tests."""


@pytest.fixture(scope="session")
def portfolio(tmp_path_factory: pytest.TempPathFactory) -> Portfolio:
    """With a file of two factors, and of a desk to which half a basis point matters: it is seldom told to change."""
    folder, both = tmp_path_factory.mktemp("desk"), load_market("multi_asset_daily").select(["SPY", "AGG"])
    frame = pd.DataFrame(both.returns - both.cash[:, None], both.dates, ["equity", "bonds"]).loc["2010":]
    frame.to_csv(folder / "factors.csv")
    path = folder / "global_multi_asset.yaml"
    text = Path("data/portfolios/global_multi_asset.yaml").read_text(encoding="utf-8")
    path.write_text(f"{text}\nfactors: factors.csv\n", encoding="utf-8")
    return load_portfolio(path, {"materiality_bps": 0.5, "day_cost": 300.0})


@dataclass(frozen=True)
class Carded(Threshold):
    """A rule that stands in for one that was learned, with a card."""

    card: ClassVar[dict[str, object]] = {"curve": [{"steps": 1000 * k, "loss": 3.0 - 0.1 * k} for k in range(6)]}


def learned(comparison: Comparison, name: str) -> Comparison:
    """The comparison with policy `name` as if it had been learned from three seeds: training would take its time."""
    portfolio, strategic = comparison.portfolio, comparison.portfolio.strategic
    policies = {seed: Carded(strategic, 0.015 + 0.005 * seed, Within(0.01)) for seed in (1, 2, 3)}
    training = Training(policies, {1: 3.1, 2: 2.9, 3: 2.7}, closed_form=3.3, never=1259.0)
    played = {seed: backtest_candidate(portfolio, policy, f"{name}, seed {seed}") for seed, policy in policies.items()}
    return replace(
        comparison,
        fitted={**comparison.fitted, name: Fitted(training.policy, training=training)},
        backtests={**comparison.backtests, name: played[training.chosen]},
        scores={**comparison.scores, name: score(played[training.chosen], comparison.benchmark)},
        seed_backtests={name: played},
        seed_scores={name: {seed: score(b, comparison.benchmark) for seed, b in played.items()}},
    )


@pytest.fixture(scope="session")
def comparison(portfolio: Portfolio) -> Comparison:
    """One of its policies is learned."""
    return learned(compare(portfolio, only=NAMES, draws=100), "threshold_edge")


@pytest.fixture(scope="session")
def folder(comparison: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("sheet")
    write_tearsheet(found, comparison, trades_of(comparison), ORIGIN)
    return found


@pytest.fixture(scope="session")
def life() -> LifeOfPlan:
    """The plan of the example by two of its policies, on as few futures as a plan takes."""
    desk = load_portfolio("data/examples/plan_of_a_life.yaml")
    assert desk.plan is not None
    return life_of_plan(desk, desk.plan, {name: desk.policies[name] for name in ("yearly", "wide")}, paths=100)


@pytest.fixture(scope="session")
def kept() -> Study:
    """The study of real markets that the workbench keeps."""
    return kept_study()


@pytest.fixture(scope="session")
def study(kept: Study) -> Block:
    return study_sheet(kept)


@pytest.fixture(scope="session")
def study_page(study: Block) -> str:
    return study_html(study)
