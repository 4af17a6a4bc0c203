"""Refits without a solution, from a portfolio file through a backtest to the notes on its sheets."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from backtests.comparison.comparison import compare
from backtests.engine import backtest
from backtests.sheets.pages.tearsheet import comparison_html
from backtests.sweeps import Configuration, listed
from backtests.sweeps.setup import prepare_sweep
from backtests.sweeps.summary import data_warnings
from research.allocation import MeanVariance, NotSolvedError
from research.orders import trade_list
from research.portfolio import Portfolio, load_portfolio

FILE = Path(__file__).parents[3] / "data" / "portfolios" / "global_multi_asset.yaml"


def capped(**settings: Any) -> dict[str, Any]:
    """The overrides that add a capped portfolio of least volatility, scaled to 80 %, as a policy."""
    held = {"kind": "mean_variance", "schedule": "quarter", "forecast": {"covariance": "oas", "window": 126}} | settings
    return {"policies.mine": {"rule": "calendar", "schedule": "quarter", "allocation": {
        "kind": "exposure", "exposure": 0.8, "of": held}}}  # fmt: skip


def unsolved(monkeypatch: pytest.MonkeyPatch, month: str) -> None:
    """Nobody solves the programmes of dates that begin so; paths on disk are not asked."""
    solved = MeanVariance.answer

    def failing(self: Any, past: Any, previous: Any = None) -> Any:
        if f"{past.date:%Y-%m-%d}".startswith(month):
            raise NotSolvedError("no solver found weights (Clarabel: stalled)")
        return solved(self, past, previous)

    monkeypatch.setattr(MeanVariance, "answer", failing)
    monkeypatch.setattr("research.allocation.kept_paths.settings_of", lambda allocation: None)


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load_portfolio(FILE, capped(upper={"AGG": 0.3, "QQQ": 0.2}))


def test_bounds_hold_on_every_refit_and_bind_with_a_price(portfolio: Portfolio) -> None:
    played = backtest(portfolio.market, portfolio.policies["mine"], portfolio.costs, start=portfolio.test_start)
    assert played.targets.rows[:, portfolio.market.assets.index("AGG")].max() == pytest.approx(0.8 * 0.3, abs=1e-12)
    assert all(answer.binding for answer in played.targets.answers)
    assert all(
        "AGG is at most 30.00 % of NAV" in [one.limit for one in answer.binding] for answer in played.targets.answers
    )
    assert not [words for words in played.warnings if "refits" in words]


@pytest.mark.parametrize("where", ["backtest", "comparison"])
def test_refits_that_fell_back_are_counted_on_the_sheet(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Nobody solves the programme of the refits of 2016: each is a sentence's part, with its day and reason."""
    unsolved(monkeypatch, "2016")
    portfolio = load_portfolio(FILE, capped())
    wanted = "fell back to the previous weights (2016-03-31, 2016-06-30, 2016-09-30 and 1 more: no solver found weights"
    if where == "backtest":
        policy, market = portfolio.policies["mine"], portfolio.market
        played = backtest(market, policy, portfolio.costs, start=portfolio.test_start, name="mine")
        first = market.row("2015-12-31")
        assert played.targets.at(market.row("2016-12-30")).tolist() == played.targets.at(first).tolist()
        assert played.warnings[0].startswith("4 of 32 refits of mine fell back")
        assert wanted in played.sheet()._repr_html_()
        return
    found = compare(portfolio, only=["quarterly", "mine"], draws=200)
    assert any(wanted in words for words in found.warnings)
    assert wanted in comparison_html(found)


def test_the_file_is_written_back_as_it_was_read(portfolio: Portfolio, tmp_path: Path) -> None:
    path = tmp_path / "again.yaml"
    path.write_text(yaml.safe_dump(portfolio.settings))
    assert load_portfolio(path).policies["mine"] == portfolio.policies["mine"]


def test_a_trade_list_towards_previous_weights_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    unsolved(monkeypatch, "2022-09")
    portfolio = load_portfolio(FILE, capped())
    listed = trade_list(portfolio, portfolio.policies["mine"])
    wanted = "1 of 1 refits of mine fell back to the previous weights (2022-09-30: no solver found weights"
    assert any(words.startswith(wanted) for words in listed.notes)


def test_a_sweep_counts_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    unsolved(monkeypatch, "2016")
    portfolio = load_portfolio(FILE, capped())
    prepared = prepare_sweep(portfolio, listed([Configuration(portfolio.policies["mine"])]))
    found = [words for words in data_warnings(prepared) if "fell back" in words]
    assert len(found) == 1
    assert found[0].startswith("4 of 32 refits of ConstantExposure(")
