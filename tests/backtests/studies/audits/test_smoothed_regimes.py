"""The claim and what it is made of: both policies against their own probabilities, figures against plain measures."""

from pathlib import Path

import numpy as np
import pytest

from backtests.engine import backtest
from backtests.inference.block_draws import Resampling
from backtests.sheets.notebook.interactive import probability_plot, wealth_plot
from backtests.studies.audits.smoothed_regimes import (
    ALWAYS_INVESTED,
    FILTERED,
    SMOOTHED,
    SmoothedExposure,
    SmoothedRegimeCheck,
    check_smoothed_regimes,
    on_dates,
)
from foundation.errors import DataError
from research.allocation import FixedWeights
from research.forecast import MarkovRegimes, history
from research.portfolio import load_portfolio
from research.risk import sharpe

ROOT = Path(__file__).parents[4]
UNTIL = "2011-11-30"


@pytest.fixture(scope="module")
def check() -> SmoothedRegimeCheck:
    return check_smoothed_regimes(load_portfolio(ROOT / "data/portfolios/sixty_forty.yaml"), "SPY", UNTIL, draws=200)


@pytest.mark.parametrize("name", [SMOOTHED, FILTERED])
def test_each_policy_holds_the_probability_of_calm_by_its_own_probabilities(
    check: SmoothedRegimeCheck, name: str
) -> None:
    played, target = check.backtests[name], np.array([0.6, 0.4])
    shown, asked = 1.0 - check.probabilities[name], played.market.dates[played.targets.seen[1:]]
    assert played.targets.rows[1:] == pytest.approx(shown.loc[asked].to_numpy()[:, None] * target, abs=1e-12)
    assert len(asked) > 500


def test_the_law_is_fitted_before_the_test_and_shared(check: SmoothedRegimeCheck) -> None:
    assert f"{check.regimes.seen:%Y-%m-%d}" == UNTIL
    returns = history(check.portfolio.market.past(len(check.portfolio.market.dates) - 1), "SPY")
    days = len(check.probabilities)
    assert check.probabilities[FILTERED].tolist() == check.regimes.filtered(returns)[-days:, -1].tolist()
    smoothed = check.regimes.smoothed_knowing_the_future(returns)[-days:, -1]
    assert check.probabilities[SMOOTHED].tolist() == smoothed.tolist()


def test_the_last_day_has_no_future_and_is_the_same_for_both(check: SmoothedRegimeCheck) -> None:
    last = check.probabilities.iloc[-1]
    assert last[SMOOTHED] == pytest.approx(last[FILTERED], abs=1e-12)
    assert (check.probabilities[SMOOTHED] - check.probabilities[FILTERED]).abs().max() > 0.5


def test_benchmarks_hold_as_much_in_the_mean_as_the_policy_they_stand_beside(check: SmoothedRegimeCheck) -> None:
    held = {name: one.weights.to_numpy()[:-1].sum(axis=1).mean() for name, one in check.backtests.items()}
    assert held[ALWAYS_INVESTED] == pytest.approx(1.0, abs=1e-12)
    for how, name in (("smoothed", SMOOTHED), ("filtered", FILTERED)):
        assert held[f"constant, as {how}"] == pytest.approx(held[name], abs=0.005)
        assert held[f"volatility, as {how}"] == pytest.approx(held[name], abs=0.01)


def test_differences_are_those_of_the_sharpe_ratios_net_of_costs(check: SmoothedRegimeCheck) -> None:
    cash = check.portfolio.market.cash[check.backtests[ALWAYS_INVESTED].first + 1 :]
    ratios = {name: sharpe(one.net_returns, cash, 252) for name, one in check.backtests.items()}
    found = check.differences
    assert set(found) == set(ratios) - {ALWAYS_INVESTED}
    for name, difference in found.items():
        assert difference.value == pytest.approx(ratios[name] - ratios[ALWAYS_INVESTED], abs=1e-8)
    assert check.evidence.resampling == Resampling(reps=200)
    table = check.table()
    assert table.index.tolist() == list(check.backtests)
    assert table.loc[SMOOTHED, "Sharpe"] == f"{ratios[SMOOTHED]:.2f}"
    assert table.loc[ALWAYS_INVESTED, "p"] == ""
    assert table.loc[FILTERED, "p"] == f"{found[FILTERED].p:.4f}"


def test_the_audit_catches_the_smoothed_policy_and_passes_the_filtered_one(check: SmoothedRegimeCheck) -> None:
    smoothed, filtered = check.audit(SMOOTHED), check.audit(FILTERED)
    assert smoothed.found
    assert not filtered.found
    assert filtered.table["decisions"].iloc[-1] > 100
    words = check.answer(smoothed, filtered)
    assert "The first policy fails the look-ahead test, the second passes it." in words
    share = 100.0 * check.differences[SMOOTHED].value / check.evidence.figures("sharpe")[ALWAYS_INVESTED].value
    assert f"{share:+.1f}".replace("-", "−") in words
    difference = check.differences[SMOOTHED].value - check.differences[FILTERED].value
    assert f"The difference, {difference:+.2f}, 95 % interval" in words


def test_a_smoothed_exposure_is_another_one_on_a_market_that_ends_earlier(check: SmoothedRegimeCheck) -> None:
    market, held = check.portfolio.market, FixedWeights((0.6, 0.4))
    whole = SmoothedExposure.on(market, held, check.regimes)
    t = int(np.nanargmax(np.abs(check.probabilities[SMOOTHED] - check.probabilities[FILTERED])))
    t += market.row(check.probabilities.index[0])
    cut = SmoothedExposure.on(market.until(market.dates[t]), held, check.regimes)
    assert abs(whole.target(market.past(t))[0] - cut.target(market.past(t))[0]) > 0.3
    assert repr(whole) == "SmoothedExposure(FixedWeights(weights=(0.6, 0.4), unlisted='pro_rata'), schedule='week')"
    assert whole.window == held.window


def test_a_line_that_is_listed_later_has_no_probability_before(check: SmoothedRegimeCheck) -> None:
    market = load_portfolio(ROOT / "data/portfolios/global_multi_asset.yaml").market
    law = MarkovRegimes("BTC", (0.0, 0.0), (0.03, 0.08), ((0.9, 0.1), (0.1, 0.9)), market.dates[-1])
    found = on_dates(market, "BTC", law.filtered)
    assert found.notna().to_numpy().nonzero()[0][0] == market.listed[:, market.assets.index("BTC")].argmax() + 1
    assert found.index.equals(market.dates)


def test_pictures_show_the_numbers(check: SmoothedRegimeCheck) -> None:
    drawn = probability_plot(check.probabilities, "Turbulence")
    assert [trace.name for trace in drawn.data] == [SMOOTHED, FILTERED]
    assert drawn.data[1].y == pytest.approx(100.0 * check.probabilities[FILTERED].to_numpy())
    wealth = wealth_plot({name: check.backtests[name] for name in (ALWAYS_INVESTED, SMOOTHED)}, ALWAYS_INVESTED).data
    last = wealth.groupby("policy").last()
    grown = {name: np.prod(1.0 + check.backtests[name].net_returns) for name in (ALWAYS_INVESTED, SMOOTHED)}
    assert last["growth"].to_dict() == pytest.approx(grown, rel=1e-9)
    beside = grown[SMOOTHED] / grown[ALWAYS_INVESTED] - 1.0
    assert last["relative_to_reference"][SMOOTHED] == pytest.approx(beside, rel=1e-9)


def test_regimes_that_know_the_test_are_refused() -> None:
    desk = load_portfolio(ROOT / "data/portfolios/sixty_forty.yaml")
    with pytest.raises(ValueError, match="regimes of SPY were fitted on days up to 2012-06-29"):
        check_smoothed_regimes(desk, "SPY", "2012-06-29", draws=200)
    with pytest.raises(DataError, match="unknown asset 'TLT'"):
        check_smoothed_regimes(desk, "TLT", UNTIL, draws=200)


def test_the_policy_played_is_the_one_that_its_maker_makes(check: SmoothedRegimeCheck) -> None:
    desk = check.portfolio
    again = backtest(
        desk.market, check.policies[FILTERED](desk.market), desk.costs, start=desk.test_start, nav=desk.nav
    )
    assert again.ledger.nav.tolist() == check.backtests[FILTERED].ledger.nav.tolist()
