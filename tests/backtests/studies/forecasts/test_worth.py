"""Worth of a forecast: planted skill is found, noise is not, and the law is that of backtested placebos."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtests.batch.streaming_metrics import BATCH_METRICS
from backtests.inference.estimates import NotAvailable
from backtests.sheets.pages.forecast_worth import worth_words
from backtests.studies.forecasts.traded_paths import backtest_path, figures, figures_of_many
from backtests.studies.forecasts.worth import PLACEBOS, WITH, WITHOUT, TiltWorth, tilt_worth, worth
from backtests.sweeps import Setup
from benchmarks.forecast_worth import Planted, market_and_forecast, measured
from foundation.errors import DataError
from research.accounting import Costs, Execution
from research.allocation import ConstantExposure, FixedWeights, Tilted, target_path
from research.forecast import Estimated, HARVolatility, Refitted
from research.portfolio import Portfolio, load_portfolio
from research.risk import sharpe
from research.rules import Calendar


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load_portfolio("data/portfolios/sixty_forty.yaml", {"test_start": "2018-01-02"})


@pytest.fixture(scope="module")
def planted() -> TiltWorth:
    return measured(1, 0.3, count=99, years=5)


def test_planted_skill_is_found_and_noise_is_not(planted: TiltWorth) -> None:
    assert planted.is_earned
    assert planted.p == 0.01  # none of 99
    assert planted.worth.lower > 0.0
    assert not any(measured(seed, 0.0, count=99, years=5).is_earned for seed in range(3))


def test_those_judged_beside_it_count_as_holm_counts_them(planted: TiltWorth) -> None:
    among = {others: replace(planted, others=others) for others in ((0.2, 0.04), (0.01,) * 5)}
    assert [one.adjusted_p for one in among.values()] == pytest.approx([0.03, 0.06])
    assert [one.is_earned for one in among.values()] == [True, False]


def test_the_figures_follow_from_the_law_of_the_placebos(planted: TiltWorth) -> None:
    with_it, without = (planted.backtests[name] for name in (WITH, WITHOUT))
    cash, year = without.market.cash[without.first + 1 :], without.periods_per_year
    ratios = [sharpe(one.net_returns, cash, year) for one in (with_it, without)]
    deviation = planted.figures[0, BATCH_METRICS.index("volatility")]
    assert planted.worth.value == pytest.approx((ratios[0] - ratios[1]) * deviation, rel=1e-9)
    law = np.sort(planted.gains[1:])
    low, high = np.quantile(law, 0.05) - law.mean(), np.quantile(law, 0.95) - law.mean()
    assert planted.worth.upper - planted.worth.lower == pytest.approx(high - low)
    assert planted.worth.value - planted.worth.lower == pytest.approx(high)
    # what has the worth that is detectable, and errs as placebos do, is claimed in four of five cases
    errs = planted.detectable + law - law.mean()
    assert ((errs >= np.quantile(law, 0.95)) & (errs - high >= 0.0)).mean() == pytest.approx(0.8, abs=0.02)
    assert planted.expected[0] == pytest.approx(0.02, rel=1e-6)
    assert 0.019 < planted.expected[1] <= 0.02
    table = planted.table()
    assert list(table.index) == [WITHOUT, WITH, PLACEBOS]
    assert table.loc[PLACEBOS, "worth"] == pytest.approx(law.mean())


def test_figures_of_a_batch_are_those_of_backtests_to_the_bit(portfolio: Portfolio) -> None:
    setup, rule = Setup.of(portfolio), Calendar(portfolio.strategic, "month")
    paths = [
        target_path(ConstantExposure(portfolio.strategic, share), setup.market, setup.first(None))
        for share in (1.0, 0.7)
    ]
    alone = [figures(setup, backtest_path(setup, rule, one), one) for one in paths]
    np.testing.assert_array_equal(figures_of_many(setup, rule, paths), alone)
    slow = replace(setup, execution=Execution(days=2))
    assert not slow.scales
    days = BATCH_METRICS.index("trading_days")
    np.testing.assert_allclose(figures_of_many(slow, rule, paths)[:, days], 2.0 * np.array(alone)[:, days])


def test_a_forecast_that_expects_the_mean_so_far_is_judged_by_its_variances(portfolio: Portfolio) -> None:
    made = worth(portfolio, Refitted(HARVolatility()), count=19)
    assert made.tilts == NotAvailable("Its means say nothing beyond the mean so far.")
    assert made.backtests == {}
    assert not made.is_earned
    assert not isinstance(made.risk, NotAvailable)


def test_a_lasting_tilt_of_two_or_three_assets_is_not_judged() -> None:
    """The drifts are large, so that the mean so far lasts, and with it the one view beyond it of three assets."""
    for n, said in ((2, "5"), (3, "1")):
        given, _ = market_and_forecast(1, 0.0, 2)
        drifts = np.where(np.arange(len(given.dates))[:, None] > 0, [0.01, 0.02, 0.04, 0.0, 0.0, 0.0], 0.0)
        market = replace(given, returns=given.returns + drifts).select(list(given.assets[:n]))
        told = Planted(np.tile(np.array([1.0, -1.0, 0.5][:n]), (len(market.dates), 1)), 5.0)
        target = FixedWeights((1.0 / n,) * n)
        setup = Setup.on(market, Costs.bps(n), target, market.dates[253], periods_per_year=252.0)
        ranges = tuple((name, 0.0, 1.0) for name in market.assets)
        with pytest.raises(DataError, match=f"lasts and is of few assets: {said}.* of them are the same tilt"):
            tilt_worth(setup, Tilted(target, told, confidence=1.0, ranges=ranges), 21, 99)


def test_two_forecasts_of_different_numbers_have_different_worths(portfolio: Portfolio) -> None:
    found = [worth(portfolio, Estimated(window=window), count=19).tilts for window in (252, 504)]
    values = [one.worth.value for one in found if isinstance(one, TiltWorth)]
    assert len(values) == 2
    assert values[0] != values[1]


def test_a_window_that_is_not_full_is_said_with_the_day_that_mends_it(portfolio: Portfolio) -> None:
    """The day that the sentence names is the first one from which the worth can be tested."""
    long = Estimated(window=portfolio.market.row("2018-01-02") + 100)
    words = worth_words("plain", worth(portfolio, long, 9))
    day = words.partition("Start the test on ")[2][:10]
    assert words.startswith("The worth of plain was not tested: market ")
    assert f"is too short for its window: it needs {long.window} returns on " in words
    assert "Estimated(" not in words
    assert words.count("was not tested") == 1
    for start, tested in ((pd.Timestamp(day), True), (pd.Timestamp(day) - pd.Timedelta(days=1), False)):
        made = worth(replace(portfolio, test_start=start), long, 9)
        assert ("was not tested: market" in worth_words("plain", made)) is not tested
