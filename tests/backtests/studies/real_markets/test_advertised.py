"""Advertised claims: gains by hand on a study made up, verdicts, and the kept studies by another route."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student
from scipy.stats import ttest_1samp

from backtests.inference.estimates import Estimate, EstimateWithTest
from backtests.inference.evidence import holm
from backtests.sheets.pictures.claims import claims_picture
from backtests.studies.audits.smoothed_regimes import FILTERED, SMOOTHED
from backtests.studies.real_markets import Study, advertised
from backtests.studies.real_markets.claim_gains import (
    AdvertisedClaim,
    Results,
    at_other_costs,
    beside_closed_form,
    best_seed,
    higher,
    lower,
    regimes,
    with_tracking_error,
)
from backtests.studies.real_markets.findings import CHOSEN, TUNED, exposure, ratios, representative_rows
from foundation.errors import DataError


@pytest.fixture
def results(made: Study) -> Results:
    """The study made up; one of exposure without cases; two learners, at 0.5 and 0.8 of the closed form's J."""
    optimum = pd.DataFrame({
        "learner": ["closed form", "deep", "deep", "wide", "wide"], "seed": [0, 1, 2, 1, 2],
        "loss": [2.0, 1.0, 1.0, 1.6, 1.6],
    })  # fmt: skip
    return Results(made, Study(made.table.iloc[:0], made.manifest), optimum)


def claim(measure, unit: str = "%", least: float = 5.0) -> AdvertisedClaim:
    words = ("It gains.", "gains", "Someone (2020), A page", "J of one and of the other")
    return AdvertisedClaim(*words, unit, measure, "Another market.", least)  # type: ignore[arg-type]


def with_figures(results: Results, name: str, values: list[float], rule: str = "ppo") -> Results:
    """A rule's figure in the three windows."""
    table = results.markets.table.copy()
    for window, value in zip((2010, 2013, 2016), values, strict=True):
        table.loc[(table["rule"] == rule) & (table["window"] == window), name] = value
    return replace(results, markets=Study(table, results.markets.manifest))


def only(results: Results, one: AdvertisedClaim) -> advertised.ClaimOutcome:
    return advertised.outcomes(results, [one])[0]


def test_a_gain_of_loss_is_per_cent_below_the_others(results: Results) -> None:
    """ppo's J is 1.6 where that of the tuned thresholds is 2: 20 % lower, in each case."""
    found = only(results, claim(lower("ppo", TUNED, "loss")))
    gain = found.measured.gain
    assert (gain.value, gain.lower, gain.upper) == pytest.approx((20.0, 20.0, 20.0))
    assert found.measured.cases == 3
    assert found.measured.reached == 3
    assert found.measured.seeds == 3
    assert found.verdict == "holds"
    assert only(results, claim(lower(TUNED, "ppo", "loss"))).verdict == "does not hold"  # 25 % worse


def test_a_gain_over_what_is_known_from_below_has_no_upper_end(results: Results) -> None:
    found = only(results, claim(lower("ppo", "month", "loss", at_least=True)))
    assert math.isinf(found.measured.gain.upper)
    assert found.measured.gain.lower == pytest.approx(100.0 * (1.0 - 1.6 / 6.0))
    assert advertised.claims_table([found])["95 % interval"].iloc[0] == "at least 73.3"


def test_a_sharpe_ratio_is_a_plain_difference_with_student_s_interval(results: Results) -> None:
    given = with_figures(results, "sharpe", [0.6, 0.5, 0.7])  # 0.5 of the calendar
    gain = only(given, claim(higher("ppo", "month", "sharpe"), "Sharpe", 0.05)).measured.gain
    reach = student.ppf(0.975, 2) * 0.1 / math.sqrt(3.0)
    assert (gain.value, gain.lower, gain.upper) == pytest.approx((0.1, 0.1 - reach, 0.1 + reach))


def test_a_smaller_drawdown_is_a_gain_in_points(results: Results) -> None:
    given = with_figures(results, "max_drawdown", [-0.25, -0.25, -0.25])  # -0.3 of the calendar
    assert only(given, claim(higher("ppo", "month", "max_drawdown"), "points", 1.0)).measured.gain.value == (
        pytest.approx(5.0)
    )


def test_turnover_at_equal_tracking_error_is_their_product(results: Results) -> None:
    """Half the turnover at twice the tracking error is no gain: a wider band has just that."""
    given = with_figures(with_figures(results, "turnover", [0.1] * 3), "tracking_error", [0.02] * 3)
    assert only(given, claim(lower("ppo", "month", "turnover", "tracking_error"))).measured.gain.value == (
        pytest.approx(0.0, abs=1e-12)
    )
    beside = only(given, claim(with_tracking_error("ppo", "month", lower("ppo", "month", "turnover")))).measured
    assert beside.gain.value == pytest.approx(50.0)
    assert beside.beside == "tracking error lower by: −100.0 % at least −100.0"


def test_the_width_of_a_band_leaves_turnover_times_tracking_error_as_it_is() -> None:
    """What the claim about equal tracking errors rests on: at 2, 10 and 50 bp bands are four times apart in width."""
    study, products, errors = Results.kept().markets, [], []
    for multiple in (0.2, 1.0, 5.0):
        rows = representative_rows(study, multiple)
        own = rows[rows["rule"] == "band to edge"]
        products.append(np.exp(np.log(own["turnover"] * own["tracking_error"]).mean()))
        errors.append(np.exp(np.log(own["tracking_error"]).mean()))
    assert errors[2] / errors[0] > 2.5
    assert products == pytest.approx([products[1]] * 3, rel=0.03)


def test_the_seed_that_did_best_in_training_is_compared_with_all(results: Results) -> None:
    """Seeds have J of 1.6 × e^(−0.1, 0, 0.1): the first is 1 − e^−0.1 below their mean in logs."""
    table = results.markets.table.copy()
    own = table["rule"] == "ppo"
    table.loc[own, "loss_training"] = table.loc[own, "seed"].astype(float)
    given = replace(results, markets=Study(table, results.markets.manifest))
    assert only(given, claim(best_seed("ppo"))).measured.gain.value == pytest.approx(100.0 * (1.0 - math.exp(-0.1)))
    table.loc[own, "loss_training"] *= -1.0
    assert only(given, claim(best_seed("ppo"))).measured.gain.value == pytest.approx(100.0 * (1.0 - math.exp(0.1)))


def test_other_costs_stand_beside_the_usual_ones(results: Results) -> None:
    table = results.markets.table
    cheap, dear = (table.assign(cost_multiple=multiple) for multiple in (0.2, 5.0))
    cheap["loss"] = np.where(cheap["rule"] == "ppo", 2.0 * cheap["loss"], cheap["loss"])
    given = replace(results, markets=Study(pd.concat([table, cheap, dear]), results.markets.manifest))
    found = only(given, claim(at_other_costs("ppo", TUNED))).measured
    assert found.gain.value == pytest.approx(20.0)
    assert found.beside == "at 2 bp a side: −60.0 % [−60.0, −60.0]; at 50 bp a side: +20.0 % [20.0, 20.0]"


def test_in_the_simulated_market_each_seed_is_a_case(results: Results) -> None:
    found = only(results, claim(beside_closed_form("deep", "wide"))).measured
    assert found.gain.value == pytest.approx(50.0)
    assert found.where == "1 simulated market, 2 seeds"
    assert found.beside == "wide: +20.0 % [20.0, 20.0]"


def test_a_claim_of_no_worse_is_tested_against_what_is_allowed(results: Results) -> None:
    given = with_figures(results, "loss", [2.0, 4.1, 6.2])  # 2, 4 and 6 of the tuned thresholds
    found = only(given, claim(lower("ppo", TUNED, "loss"), least=-5.0))
    logs = -np.log([1.0, 4.1 / 4.0, 6.2 / 6.0])
    assert found.measured.p == pytest.approx(ttest_1samp(logs, -math.log(1.05)).pvalue)
    assert found.measured.reached == 3
    strict = only(given, claim(lower("ppo", TUNED, "loss"))).measured
    assert (strict.p, strict.reached) == (pytest.approx(ttest_1samp(logs, 0.0).pvalue), 0)


@pytest.mark.parametrize(("ends", "least", "p", "word"), [
    ((8.0, 2.0, 14.0), 5.0, 0.04, "holds"),
    ((8.0, 2.0, 14.0), 5.0, 0.06, "cannot be told"),  # not after Holm
    ((3.0, 2.0, 6.0), 5.0, 0.01, "cannot be told"),  # above zero, but perhaps too small
    ((3.0, 2.0, 4.0), 5.0, 0.01, "does not hold"),  # above zero, and too small
    ((0.0, -9.0, 9.0), 5.0, 1.0, "cannot be told"),
    ((9.0, 6.0, math.inf), 5.0, 0.01, "holds"),
    ((-9.0, -12.0, math.inf), 5.0, 0.01, "cannot be told"),
    ((-2.0, -4.9, 1.0), -5.0, 0.01, "holds"),
    ((-2.0, -5.1, 1.0), -5.0, 0.01, "cannot be told"),
    ((-8.0, -9.0, -6.0), -5.0, 0.01, "does not hold"),
])  # fmt: skip
def test_a_verdict_needs_a_gain_that_is_sure_and_large(ends, least, p, word) -> None:
    assert advertised.verdict(Estimate(*ends, 0.95), least, p) == word


def regime_check() -> SimpleNamespace:
    def difference(value: float) -> EstimateWithTest:
        return EstimateWithTest(value, value - 0.5, value + 0.5, 0.95, p=0.5)

    later = SimpleNamespace(differences=lambda metric: {SMOOTHED: difference(0.4)})
    return SimpleNamespace(
        differences={FILTERED: difference(-0.1), SMOOTHED: difference(0.3)},
        evidence=SimpleNamespace(against=lambda name: later),
        portfolio=SimpleNamespace(name="Some funds"),
        backtests={FILTERED: SimpleNamespace(dates=pd.to_datetime(["2014-12-31", "2015-01-02"]))},
    )


def test_the_claim_about_regimes_is_of_those_known_on_the_day(results: Results) -> None:
    one = claim(regimes, "Sharpe", 0.05)
    assert advertised.outcomes(results, [one]) == []  # without a check it is left out
    found = only(replace(results, regimes=regime_check()), one)  # type: ignore[arg-type]
    assert (found.measured.gain.value, found.measured.p) == (-0.1, 0.5)
    assert found.measured.where == "1 portfolio (Some funds), 2015 on"
    assert found.measured.beside.startswith(
        "smoothed over the future: +0.300 [−0.200, 0.800]; by look-ahead alone: +0.4"
    )
    assert found.verdict == "cannot be told"


def test_p_is_adjusted_for_all_claims_that_are_measured(results: Results) -> None:
    given = with_figures(results, "sharpe", [0.6, 0.5, 0.7])
    several = [
        claim(lower("ppo", TUNED, "loss")),
        claim(higher("ppo", "month", "sharpe"), "Sharpe", 0.05),
        claim(regimes, "Sharpe", 0.05),
    ]
    found = advertised.outcomes(given, several)
    assert len(found) == 2
    assert [one.p_holm for one in found] == holm([one.measured.p for one in found]).tolist()


def test_rules_without_a_common_case_are_refused(results: Results) -> None:
    with pytest.raises(DataError, match="no case of the study has both 'ppo' and 'constant exposure'"):
        only(results, claim(lower("ppo", "constant exposure", "loss")))


@pytest.mark.parametrize("one", advertised.ADVERTISED, ids=lambda one: one.short)
def test_each_claim_says_who_claims_it_and_what_would_change_the_answer(one: AdvertisedClaim) -> None:
    assert any(str(year) in one.source for year in range(1990, 2027))
    assert all(text.endswith(".") for text in (one.words, one.change))
    assert len(one.short) <= 23  # letters that a narrow picture has room for
    assert one.least != 0.0


def test_the_kept_studies_give_the_gains_that_their_own_findings_give() -> None:
    kept = Results.kept()
    found = {one.claim.short: one for one in advertised.outcomes(kept)}
    assert len(found) == len(advertised.ADVERTISED) - 1  # all but the one about regimes
    for short, rule in (("learned vs thresholds", "gradient"), ("PPO vs thresholds", "ppo")):
        row, gain = ratios(kept.markets, CHOSEN).loc[rule], found[short].measured.gain
        expected = [100.0 * (1.0 - row[name]) for name in ("ratio", "upper", "lower")]
        assert [gain.value, gain.lower, gain.upper] == pytest.approx(expected)
    table = exposure(kept.exposure).set_index(["over", "measure"])
    for short, measure in (("Sharpe by exposure", "sharpe"), ("drawdown by skill", "max_drawdown")):
        row, gain = table.loc[("constant exposure", measure)], found[short].measured.gain
        assert [gain.value, gain.lower, gain.upper] == pytest.approx([row["difference"], row["lower"], row["upper"]])
    own, same = (kept.exposure, kept.markets)
    for case, facts in own.manifest["cases"].items():  # a drawdown is compared across the two studies
        assert facts["data"] == same.manifest["cases"][case]["data"]


def test_tables_words_and_picture_say_the_same(results: Results) -> None:
    several = [
        replace(claim(lower("ppo", TUNED, "loss")), words="One.", short="one"),
        replace(claim(lower(TUNED, "ppo", "loss")), words="Two.", short="two"),
        replace(claim(regimes, "Sharpe", 0.05), words="Three.", short="three"),
    ]
    found = advertised.outcomes(replace(results, regimes=regime_check()), several)  # type: ignore[arg-type]
    table, sources, words, drawn = (
        advertised.claims_table(found), advertised.sources_table(found), advertised.answer(found),
        claims_picture(found),
    )  # fmt: skip
    expected = ["holds", "does not hold", "cannot be told"]
    assert table["verdict"].tolist() == sources["verdict"].tolist() == drawn.data["verdict"].tolist() == expected
    assert table["gain"].tolist() == ["+20.0 %", "−25.0 %", "−0.100"]
    assert sources.loc["Two."].tolist() == ["Someone (2020), A page", "does not hold", "Another market."]
    assert words.startswith("**Of 3 claims, 1 hold, 1 do not hold and 1 cannot be told.**\n\n**Hold:** One.\n\n")
    assert drawn.alt.startswith("one +20.0 % [20.0, 20.0], holds; two −25.0 % [−25.0, −25.0], does not hold; three")
    assert drawn.data["gain"].tolist() == pytest.approx([20.0, -25.0, -0.1])
    assert "Green: holds (1); orange: does not hold (1)" in drawn.caption


def test_a_loss_off_the_scale_is_written_at_its_edge(results: Results) -> None:
    """Without trading J is 9, against 1.6 of ppo: 462 % more. A Sharpe ratio, however low, is on the scale."""
    given = with_figures(results, "sharpe", [-90.0, -91.0, -92.0])
    several = [claim(lower("never", "ppo", "loss")), claim(lower("ppo", TUNED, "loss"))]
    drawn = claims_picture(advertised.outcomes(given, several))
    assert "−462 %" in drawn.wide
    assert "−462 %" in drawn.narrow
    low = claims_picture(advertised.outcomes(given, [claim(higher("ppo", "month", "sharpe"), "Sharpe", 0.05)]))
    assert "◂" not in low.wide
    assert "◂" in drawn.wide
