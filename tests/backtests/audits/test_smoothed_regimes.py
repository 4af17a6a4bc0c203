"""The claim and what it is made of: both policies against their own probabilities, figures against plain measures."""

from pathlib import Path

import numpy as np
import pytest

from backtests.audits.smoothed_regimes import (
    FILTERED,
    SMOOTHED,
    WHOLE,
    Claim,
    SmoothedExposure,
    compare_foresight,
    on_dates,
)
from backtests.engine import backtest
from backtests.evaluation.evidence import Resampling
from backtests.pages.interactive import probability_plot, wealth_plot
from research.allocation import FixedWeights
from research.errors import DataError
from research.forecast import Regimes, history
from research.portfolio import load_portfolio
from research.risk import sharpe

ROOT = Path(__file__).parents[3]
UNTIL = "2011-11-30"


@pytest.fixture(scope="module")
def claim() -> Claim:
    return compare_foresight(load_portfolio(ROOT / "data/portfolios/sixty_forty.yaml"), "SPY", UNTIL, draws=200)


@pytest.mark.parametrize("name", [SMOOTHED, FILTERED])
def test_each_policy_holds_the_probability_of_calm_by_its_own_probabilities(claim: Claim, name: str) -> None:
    played, target = claim.backtests[name], np.array([0.6, 0.4])
    shown = 1.0 - claim.probabilities[name]
    asked = played.market.dates[played.targets.seen[1:]]
    expected = shown.loc[asked].to_numpy()[:, None] * target
    assert played.targets.rows[1:] == pytest.approx(expected, abs=1e-12)
    assert len(asked) > 500


def test_the_law_is_fitted_before_the_test_and_shared(claim: Claim) -> None:
    assert f"{claim.regimes.seen:%Y-%m-%d}" == UNTIL
    returns = history(claim.portfolio.market.past(len(claim.portfolio.market.dates) - 1), "SPY")
    days = len(claim.probabilities)
    assert claim.probabilities[FILTERED].tolist() == claim.regimes.filtered(returns)[-days:].tolist()
    smoothed = claim.regimes.smoothed_knowing_the_future(returns)[-days:]
    assert claim.probabilities[SMOOTHED].tolist() == smoothed.tolist()


def test_the_last_day_has_no_future_and_is_the_same_for_both(claim: Claim) -> None:
    last = claim.probabilities.iloc[-1]
    assert last[SMOOTHED] == pytest.approx(last[FILTERED], abs=1e-12)
    assert (claim.probabilities[SMOOTHED] - claim.probabilities[FILTERED]).abs().max() > 0.5


def test_benchmarks_hold_as_much_in_the_mean_as_the_policy_they_stand_beside(claim: Claim) -> None:
    held = {name: one.weights.to_numpy()[:-1].sum(axis=1).mean() for name, one in claim.backtests.items()}
    assert held[WHOLE] == pytest.approx(1.0, abs=1e-12)
    for how, name in (("smoothed", SMOOTHED), ("filtered", FILTERED)):
        assert held[f"constant, as {how}"] == pytest.approx(held[name], abs=0.005)
        assert held[f"volatility, as {how}"] == pytest.approx(held[name], abs=0.01)


def test_differences_are_those_of_the_sharpe_ratios_net_of_costs(claim: Claim) -> None:
    cash = claim.portfolio.market.cash[claim.backtests[WHOLE].first + 1 :]
    ratios = {name: sharpe(one.net_returns, cash, 252) for name, one in claim.backtests.items()}
    found = claim.differences
    assert set(found) == set(ratios) - {WHOLE}
    for name, difference in found.items():
        assert difference.value == pytest.approx(ratios[name] - ratios[WHOLE], abs=1e-8)
    assert claim.evidence.resampling == Resampling(reps=200)
    table = claim.table()
    assert table.index.tolist() == list(claim.backtests)
    assert table.loc[SMOOTHED, "Sharpe"] == f"{ratios[SMOOTHED]:.2f}"
    assert table.loc[WHOLE, "p"] == ""
    assert table.loc[FILTERED, "p"] == f"{found[FILTERED].p:.4f}"


def test_the_audit_catches_the_smoothed_policy_and_passes_the_filtered_one(claim: Claim) -> None:
    smoothed, filtered = claim.audit(SMOOTHED), claim.audit(FILTERED)
    assert smoothed.found
    assert not filtered.found
    assert filtered.table["decisions"].iloc[-1] > 100
    words = claim.answer(smoothed, filtered)
    assert "the first looks ahead and the second does not look ahead" in words
    whole = claim.evidence.figures("sharpe")[WHOLE].value
    share = 100.0 * claim.differences[SMOOTHED].value / whole
    assert f"{share:+.1f}".replace("-", "−") in words
    foresight = claim.differences[SMOOTHED].value - claim.differences[FILTERED].value
    assert f"is worth {foresight:+.2f}, 95 % interval" in words


def test_a_smoothed_exposure_is_another_one_on_a_market_that_ends_earlier(claim: Claim) -> None:
    market, held = claim.portfolio.market, FixedWeights((0.6, 0.4))
    whole = SmoothedExposure.on(market, held, claim.regimes)
    t = int(np.nanargmax(np.abs(claim.probabilities[SMOOTHED] - claim.probabilities[FILTERED])))
    t += market.row(claim.probabilities.index[0])
    cut = SmoothedExposure.on(market.until(market.dates[t]), held, claim.regimes)
    assert abs(whole.target(market.past(t))[0] - cut.target(market.past(t))[0]) > 0.3
    assert repr(whole) == "SmoothedExposure(FixedWeights(weights=(0.6, 0.4), unlisted='pro_rata'), schedule='week')"
    assert whole.window == held.window


def test_a_line_that_is_listed_later_has_no_probability_before(claim: Claim) -> None:
    market = load_portfolio(ROOT / "data/portfolios/global_multi_asset.yaml").market
    law = Regimes("BTC", (0.0, 0.0), (0.03, 0.08), (0.9, 0.9), market.dates[-1])
    found = on_dates(market, "BTC", law.filtered)
    assert found.notna().to_numpy().nonzero()[0][0] == market.listed[:, market.assets.index("BTC")].argmax() + 1
    assert found.index.equals(market.dates)


def test_pictures_show_the_numbers(claim: Claim) -> None:
    drawn = probability_plot(claim.probabilities, "Turbulence")
    assert [trace.name for trace in drawn.data] == [SMOOTHED, FILTERED]
    assert drawn.data[1].y == pytest.approx(100.0 * claim.probabilities[FILTERED].to_numpy())
    wealth = wealth_plot({name: claim.backtests[name] for name in (WHOLE, SMOOTHED)})
    assert [trace.name for trace in wealth.data] == [WHOLE, SMOOTHED]
    played = claim.backtests[WHOLE]
    assert wealth.data[0].y[-1] == pytest.approx(np.prod(1.0 + played.net_returns), rel=1e-9)
    assert wealth.layout.yaxis.type == "log"


def test_regimes_that_know_the_test_are_refused() -> None:
    desk = load_portfolio(ROOT / "data/portfolios/sixty_forty.yaml")
    with pytest.raises(ValueError, match="regimes of SPY were fitted on days up to 2012-06-29"):
        compare_foresight(desk, "SPY", "2012-06-29", draws=200)
    with pytest.raises(DataError, match="unknown line 'TLT'"):
        compare_foresight(desk, "TLT", UNTIL, draws=200)


def test_the_policy_played_is_the_one_that_its_maker_makes(claim: Claim) -> None:
    desk = claim.portfolio
    again = backtest(desk.market, claim.makers[FILTERED](desk.market), desk.costs, start=desk.test_start, nav=desk.nav)
    assert again.ledger.nav.tolist() == claim.backtests[FILTERED].ledger.nav.tolist()
