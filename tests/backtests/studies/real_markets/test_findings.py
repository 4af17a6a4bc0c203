"""Intervals over cases, by hand and by the textbook."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from backtests.sheets.pictures.real_markets import ratio_picture
from backtests.studies.audits.matched_exposure import CONSTANT, VOLATILITY
from backtests.studies.real_markets.findings import (
    BEST_FAMILY,
    CHOSEN,
    HINDSIGHT,
    TUNED,
    beside,
    clustered_mean,
    differences,
    exposure,
    paired,
    ratios,
    representative_rows,
    seed_spreads,
    sentences,
    summary,
)
from backtests.studies.real_markets.run_case import EXPOSURE
from backtests.studies.real_markets.study import Study
from foundation.errors import ConfigError, DataError

X = np.array([0.3, -0.1, 0.4, 0.2, 0.0, 0.7, -0.2])


def test_with_a_case_a_window_it_is_the_plain_interval_of_a_mean() -> None:
    found, known = clustered_mean(X, np.arange(len(X))), stats.ttest_1samp(X, 0.0)
    assert (found.value, found.p) == pytest.approx((X.mean(), known.pvalue), rel=1e-12)
    assert (found.lower, found.upper) == pytest.approx(tuple(known.confidence_interval(0.95)), rel=1e-12)


def test_cases_that_repeat_their_window_add_nothing() -> None:
    """Five copies of each number in one window say as much as the number alone."""
    copied = clustered_mean(np.repeat(X, 5), np.repeat(np.arange(len(X)), 5))
    alone = clustered_mean(X, np.arange(len(X)))
    assert (copied.value, copied.lower, copied.upper, copied.p) == pytest.approx(
        (alone.value, alone.lower, alone.upper, alone.p), rel=1e-12
    )
    assert (copied.cases, copied.windows) == (35, 7)


def test_windows_of_unequal_size_by_hand() -> None:
    """Residuals of 1, 2, 6 from 3 are -2, -1, 3; by window -3 and 3: error sqrt(2/1 x 18) / 3 = 2."""
    found = clustered_mean([1.0, 2.0, 6.0], ["a", "a", "b"])
    assert found.value == 3.0
    assert found.upper - found.value == pytest.approx(2.0 * stats.t.ppf(0.975, 1), rel=1e-12)
    assert found.p == pytest.approx(2.0 * stats.t.sf(1.5, 1), rel=1e-12)


def test_the_interval_holds_the_truth_as_often_as_it_says_where_windows_share_their_market() -> None:
    rng, windows = np.random.default_rng(7), np.repeat(np.arange(10), 7)
    inside = plain = 0
    for _ in range(1000):
        x = rng.normal(0.0, 0.3, 10)[windows] + rng.normal(0.0, 0.2, 70)
        found = clustered_mean(x, windows)
        inside += found.lower <= 0.0 <= found.upper
        plain += stats.ttest_1samp(x, 0.0).pvalue > 0.05
    assert 925 <= inside <= 975
    assert plain < 700  # who takes cases for independent is wrong in more than three of ten


def test_one_window_has_no_interval_and_no_number_no_mean() -> None:
    with pytest.raises(DataError, match=r"at least two windows: found \[2013\]"):
        clustered_mean([1.0, 2.0], [2013, 2013])
    with pytest.raises(DataError, match="value 1 of a mean is not a finite number"):
        clustered_mean([1.0, np.nan], [2013, 2016])


# -- a study made up ---------------------------------------------------------------------------------------------------


def test_thresholds_are_the_family_in_the_middle_the_one_chosen_and_the_lowest(made: Study) -> None:
    """Band to target, band to edge and tracking error lose 6, 2 and 4; the last was the best on training days."""
    found = representative_rows(made).set_index(["case", "rule"])["loss"]
    assert (found["funds-2-2013", TUNED], found["funds-2-2013", CHOSEN]) == (4.0, 4.0)
    assert (found["funds-2-2013", BEST_FAMILY], found["funds-2-2013", HINDSIGHT]) == (2.0, 8.0)
    assert found["funds-2-2013", "ppo"] == pytest.approx(3.2)  # of its seeds, the one that stands for them


def test_a_ratio_is_the_same_in_every_case_here(made: Study) -> None:
    found = ratios(made, TUNED).loc["ppo"]
    assert (found["ratio"], found["lower_in"], found["cases"]) == (pytest.approx(0.8), 3, 3)
    assert (found["lower"], found["upper"]) == pytest.approx((0.8, 0.8))
    assert found["verdict"] == "better"
    assert seed_spreads(made).to_dict() == {"ppo": pytest.approx(0.1)}


def test_a_name_that_is_unknown_is_refused_and_not_answered_with_an_empty_table(made: Study) -> None:
    for ask, said in (
        (lambda: ratios(made, "tuned"), "over is 'tuned': use one of .*, tuned thresholds"),
        (lambda: differences(made, TUNED, "Sharpe"), "measure is 'Sharpe': use one of trades, trading_days, turnover"),
        (lambda: differences(made, "best", "sharpe"), "over is 'best'"),
        (lambda: ratios(made, CONSTANT), "over is 'constant exposure': use one of"),  # it goes to cash: `exposure`
        (lambda: seed_spreads(made, 3.0), "multiple is 3.0"),
        (lambda: paired(representative_rows(made), "tuned", "loss"), "over is 'tuned': use one of"),
        (lambda: paired(representative_rows(made), TUNED, "j"), "measure is 'j': use one of loss, trades"),
        (lambda: ratio_picture(made, "pp0"), "rule is 'pp0': use one of"),
        (lambda: ratio_picture(made, "ppo", over="x"), "over is 'x': use one of"),
        (lambda: ratios(made, TUNED, multiple=3.0), "multiple is 3.0: the study has results at 1 times the costs"),
    ):
        with pytest.raises(ConfigError, match=said):
            ask()


def test_what_is_not_significant_is_said_to_be_so(made: Study) -> None:
    noisy = made.table.copy()
    noisy.loc[noisy["rule"] == "ppo", "loss"] *= np.where(noisy["window"][noisy["rule"] == "ppo"] == 2013, 2.5, 0.7)
    found = ratios(Study(noisy, made.manifest), TUNED).loc["ppo"]
    assert found["lower"] < 1.0 < found["upper"]
    assert found["verdict"] == "not significant"
    said = next(line for line in sentences(Study(noisy, made.manifest)) if "ppo relative to tuned" in line)
    assert said.startswith("ppo relative to tuned thresholds: ratio of J 0.86")
    assert said.endswith("lower in 2 of 3 cases of 3 windows; p 1.000 after Holm: not significant.")


def test_a_difference_by_hand_that_stands_alone_and_not_among_many(made: Study) -> None:
    """ppo turns over 15, 16 and 17 % against 20 % of the thresholds in the middle: -4 ± t x 1/sqrt(3)."""
    found, reach = differences(made, TUNED, "turnover").loc["ppo"], stats.t.ppf(0.975, 2) / np.sqrt(3.0)
    assert (found["difference"], found["lower"]) == pytest.approx((-4.0, -4.0 - reach))
    assert found["p"] == pytest.approx(2.0 * stats.t.sf(4.0 * np.sqrt(3.0), 2))
    assert found["p"] < 0.05 < found["p_holm"]
    assert found["verdict"] == "not significant"


def test_the_summary_has_a_row_a_rule_and_the_sentences_count_trials(made: Study) -> None:
    table = summary(made)
    assert set(table.index) == set(made.table["rule"]) | {TUNED, CHOSEN, BEST_FAMILY, HINDSIGHT}
    assert table.loc["ppo", "J relative to tuned thresholds"] == "0.80 [0.80, 0.80], better"
    assert table.loc["better calendar", "J relative to better calendar"] == "–"
    whole, one = sentences(made), sentences(made, CHOSEN)
    assert whole[0].startswith("3 cases in 3 windows, 21 settings and seeds tried")
    assert one == [said for said in whole if " relative to " not in said or f" relative to {CHOSEN}: " in said]


def test_what_j_does_not_say_stands_beside_it(made: Study) -> None:
    """The fixture's figures are all alike but for turnover: there is nothing to tell apart."""
    table = beside(made)
    assert table.loc["ppo", "sharpe"] == "0.00 [0.00, 0.00]"
    assert table.loc["ppo", "turnover, % a year"] == "−4.0 [−6.5, −1.5]"
    assert table.loc["never", "orders a year"] == "−10.0 [−10.0, −10.0]*"


def test_a_learned_exposure_is_held_against_as_much_and_is_in_no_other_table(made: Study) -> None:
    """Sharpe ratios 0.1, 0.2 and 0.3 above a constant exposure's: 0.2 ± t x 0.1 / sqrt(3); drawdowns are the same."""
    each, sharpe = made.table[made.table["rule"] == "never"], 0.6 + 0.1 * np.arange(3)
    rows = [
        each.assign(rule=EXPOSURE, loss=50.0, sharpe=sharpe),
        each.assign(rule=CONSTANT, loss=40.0),
        each.assign(rule=VOLATILITY, loss=45.0, sharpe=sharpe, max_drawdown=-0.2),
    ]
    more = Study(pd.concat([made.table, *rows], ignore_index=True), made.manifest)
    found, reach = exposure(more).set_index(["over", "measure"]), stats.t.ppf(0.975, 2) * 0.1 / np.sqrt(3.0)
    first = found.loc[CONSTANT, "sharpe"]
    assert (first["difference"], first["upper"]) == pytest.approx((0.2, 0.2 + reach))
    assert found.loc[(VOLATILITY, "sharpe"), "difference"] == pytest.approx(0.0)
    assert found.loc[(VOLATILITY, "max_drawdown"), "difference"] == pytest.approx(-10.0)  # points deeper
    assert found.loc[(VOLATILITY, "max_drawdown"), "verdict"] == "worse"
    assert first["p_holm"] == pytest.approx(3.0 * first["p"])  # the second smallest of four
    said = sentences(more)
    assert said[-4].startswith("learned exposure minus constant exposure of the same mean: Sharpe ratio +0.20 (95 %")
    assert said[:-4] == sentences(made)
    pd.testing.assert_frame_equal(summary(more), summary(made))
    assert exposure(made).empty


def test_cases_of_one_window_have_no_tables(made: Study) -> None:
    alone = Study(made.table[made.table["window"] == 2013], made.manifest)
    for shown in (summary, beside):
        with pytest.raises(DataError, match=r"at least two windows: found funds-2-2013\. Run a case of another window"):
            shown(alone)
