"""A user's own rule with `decide` alone works wherever a shipped one does, whatever its fields are called."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from commanded import rebalance
from simulated import world

from backtests.comparison.comparison import Comparison, compare
from backtests.comparison.fitting.candidates import backtest_candidate
from backtests.comparison.fitting.tuning import tune
from backtests.comparison.fitting.walk_forward import walk_forward
from backtests.engine import backtest
from backtests.sheets.pages.tearsheet import comparison_html
from backtests.sheets.sections.first_screen import first_screen
from backtests.studies.audits.look_ahead import look_ahead
from backtests.sweeps import Plan, Setup, sweep
from foundation.home import HOME
from research.accounting import Costs, Hold, Policy, Trade, View, Why
from research.allocation import Allocation, EqualWeights, FixedWeights, target_path
from research.market import Market, Past, load_market
from research.orders import trade_list
from research.portfolio import load_portfolio
from research.portfolio.file.document import TRUST
from research.rules import Threshold
from research.rules.protocol import compiled_rule, complexity, fitted_until, held_by, long_name, short_name, traits

FILE = Path(__file__).parents[2] / "data" / "portfolios" / "sixty_forty.yaml"
EQUAL = EqualWeights()


class Bare:
    """Trades to target when a weight has left a band of 1 %; it has `decide` and nothing else."""

    def decide(self, view: View) -> Hold | Trade:
        return Trade.to(view.target) if np.abs(view.weights - view.target).max() > 0.01 else Hold()


@dataclass(frozen=True)
class Own(Bare):
    """The same with an allocation, and fields whose names mean something else in shipped rules."""

    allocation: Allocation = EQUAL
    every: str = "fortnight"
    part: int = 7
    fraction: int = 7
    check: int = -1
    review: str = "none"
    schedule: str = "never"
    schedule: str = "noon"
    window: str = "the last day of March"
    covariance: str = "sample"
    periods_per_year: float = 12.0
    band: str = "narrow"
    to: str = "the moon"
    words: int = 3
    family: str = "Smith"
    seen: str = "2999-01-01"
    fitted: bool = True
    candidates: tuple[str, ...] = ("a", "b")
    cooldown: str = "long"
    turnover_cap: str = "none"
    tranches: str = "two"
    offsets: str = "odd"
    payer: str = "the bank"
    plain: str = "yes"
    corridor: str = "of a house"
    no_trade_bands: str = "none"
    options: str = "many"
    lot: float = 1.0


def test_an_own_rule_promises_nothing_but_to_decide() -> None:
    rule = Own()
    assert isinstance(rule, Policy)
    found = traits(rule)
    assert (found.window, found.risk_periods_per_year, found.desk_schedule, found.desk_offsets) == (0, None, None, (0,))
    assert (found.review_schedule, found.cooldown, found.turnover_cap, found.tranches) == (None, 0, None, 1)
    assert compiled_rule(rule) is fitted_until(rule) is found.uncapped() is None
    assert (short_name(rule), long_name(rule), long_name(rule, FixedWeights((1.0,)))) == (
        "Own",
        "Own",
        "equal weights; Own",
    )
    assert held_by(rule) == EQUAL
    assert held_by(Bare()) is None
    assert complexity(rule) > complexity(Threshold(EQUAL))


@pytest.mark.parametrize("lag", [0, 1])
def test_it_is_played_as_a_band_of_one_point_is(lag: int) -> None:
    market, costs = world(), Costs.bps(3, commission=2, half_spread=3)
    own, band = (backtest(market, rule, costs, lag=lag) for rule in (Own(), Threshold(EQUAL, 0.01)))
    assert len(own.ledger.asked) > 3
    np.testing.assert_allclose(own.ledger.nav, band.ledger.nav, rtol=1e-12)
    bare = backtest(market, Bare(), costs, lag=lag, targets=target_path(EQUAL, market))
    np.testing.assert_array_equal(own.ledger.nav, bare.ledger.nav)


def test_its_orders_are_explained_by_its_name_or_in_its_own_words() -> None:
    class Speaks(Own):
        def decide(self, view: View) -> Hold | Trade:
            answer = super().decide(view)
            return replace(answer, why=Why("momentum turned")) if isinstance(answer, Trade) else Hold(Why("calm"))

    silent, speaks = (backtest(world(), rule, Costs.bps(3)) for rule in (Own(), Speaks()))
    assert set(silent.trades()["reason"]) == set(silent.decisions()["reason"]) == {"as rule Own decided"}
    assert set(speaks.trades()["reason"]) == {"momentum turned"}
    assert set(speaks.decisions()["reason"]) == {"momentum turned", "calm"}


def test_in_whole_lots_it_is_asked_again_of_what_its_orders_leave() -> None:
    """Its reason says which asset is past its limit: that one is brought to target first, as a shipped rule's is."""

    class Names(Own):
        def decide(self, view: View) -> Hold | Trade:
            gaps = view.weights - view.target
            i = int(np.abs(gaps).argmax())
            return Trade.to(view.target, Why("band", i, gaps[i], 0.01)) if abs(gaps[i]) > 0.01 else Hold()

    portfolio = load_portfolio(FILE, {"execution": {"sizing": "units"}})
    own, band = (backtest_candidate(portfolio, rule, "rule") for rule in (Names(), Threshold(EQUAL, 0.01)))
    assert len(own.ledger.asked) > 3
    np.testing.assert_array_equal(own.ledger.units, band.ledger.units)


@pytest.mark.parametrize("rule", [Own(), Bare()], ids=short_name)
def test_a_desk_asks_it_on_any_day(rule: Policy) -> None:
    portfolio = load_portfolio(FILE)
    listed = trade_list(portfolio, rule)
    assert listed.policy == short_name(rule)
    assert listed.reason == f"as rule {short_name(rule)} decided"
    assert trade_list(listed.after(), rule).empty


@pytest.fixture(scope="module")
def compared() -> Comparison:
    portfolio = load_portfolio(FILE)
    own = {"own": Own(portfolio.strategic), "bare": Bare(), "equal": Own()}
    kept = {name: portfolio.policies[name] for name in ("quarterly", "threshold")}
    return compare(replace(portfolio, policies=kept | own), draws=500)


def test_it_is_compared_with_shipped_rules(compared: Comparison) -> None:
    assert list(compared.scores) == ["quarterly", "threshold", "own", "bare", "equal"]
    assert compared.scores["own"]["loss"] == compared.scores["bare"]["loss"]
    assert compared.recommendation.policy is not None
    assert "own" in str(compared)


def test_it_stands_on_the_sheet_by_its_name(compared: Comparison) -> None:
    columns = first_screen(compared)["columns"]
    assert {column["name"]: column["rule"] for column in columns}.items() >= {
        "own": "Own",
        "bare": "Bare",
        "equal": "equal weights; Own",
    }.items()
    page = comparison_html(compared)
    assert "equal weights; Own" in page
    assert "fortnight" not in page


def test_it_is_audited_for_what_it_knows_of_the_future() -> None:
    market = world()
    found = look_ahead(lambda _: Own(), market, Costs.bps(3), market.dates[150])
    assert not found.found
    assert found.policy == "Own of EqualWeights"


def test_it_is_swept_and_its_settings_stand_under_its_own_name() -> None:
    market = world()
    setup = Setup.on(market, Costs.bps(3), EQUAL, market.dates[100])
    plan = Plan([Threshold(EQUAL, 0.01), Own(), Own(lot=2.0), Bare()], cost_multiples=[0.0, 1.0])
    table = sweep(setup, plan, progress=False).table
    own = table[table["rule"] == "Own"]
    assert (len(own), set(own["calendar"])) == (4, {""})
    assert own["band"].isna().all()
    assert set(own["Own.lot"]) == {1.0, 2.0}
    assert own["loss"].tolist()[:2] == table[table["rule"] == "Bare"]["loss"].tolist()


def test_it_is_tuned_and_then_not_played_on_what_it_was_chosen_on() -> None:
    market = world()
    setup = Setup.on(market, Costs.bps(3), EQUAL, market.dates[200])
    tuned = tune([Own(), Threshold(EQUAL, 0.2)], setup)
    fitted = tune([Own()], setup).policy
    assert tuned.card.trials == 2
    assert fitted_until(fitted) == market.dates[199]
    assert fitted.seen == "2999-01-01"  # type: ignore[attr-defined]


def test_it_is_walked_forward() -> None:
    portfolio = load_portfolio(FILE)
    days = [portfolio.market.dates[k] for k in (-400, -200)]
    walked = walk_forward(portfolio, "own", days, spec=Own(portfolio.strategic))
    assert walked.folds()["chosen"].tolist() == ["as given"] * 2


@dataclass(frozen=True)
class NeverReviewed(Threshold):
    """A threshold that is asked on no day."""

    def _asked(self, world: Market | Past) -> np.ndarray:
        return np.zeros(len(world.days), dtype=bool)


def test_a_rule_that_is_asked_on_days_of_its_own_is_asked_on_no_other() -> None:
    market = load_market("us_etf_ohlcv").select(["SPY", "AGG"])
    target, costs = FixedWeights((0.5, 0.5)), Costs.bps(2, commission=1)
    assert len(backtest(market, Threshold(target, 0.01), costs, start="2016-01-04").booked) > 10
    assert len(backtest(market, NeverReviewed(target, 0.01), costs, start="2016-01-04").booked) == 0


@pytest.mark.parametrize("words", [("data", "check"), ("desk", "book", "open")])
def test_a_command_runs_the_code_of_the_file_that_it_names_where_it_is_told_to(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME, str(tmp_path / "home"))
    monkeypatch.delenv(TRUST, raising=False)
    name, examples = f"trusted_by_{words[-1]}", FILE.parents[1] / "examples"
    (tmp_path / f"{name}.py").write_text((examples / "own_rule.py").read_text())
    file = tmp_path / "mine.yaml"
    file.write_text((examples / "own_rule.yaml").read_text().replace("own_rule:", f"{name}:"))
    refused = rebalance(*words, file)
    assert (refused.status, "allow it with --trust-code" in refused.err) == (2, True)
    done = rebalance(*words, file, "--trust-code")
    assert done.status == 0, done.said
