"""The sentence of use follows from worth, p, interval and power, and says each of them."""

from types import SimpleNamespace
from typing import Any

import pytest

from backtests.inference.estimates import Estimate, EstimateWithTest, NotAvailable
from backtests.sheets.pages import forecast_worth
from backtests.sheets.pages.forecast_worth import worth_numbers, worth_text, worth_words
from backtests.studies.forecasts.risk_worth import MINIMUM_VARIANCE, VOLATILITY_TARGET
from backtests.studies.forecasts.worth import Worth

NOTHING = NotAvailable("Its variances are those of the last 252 returns: nothing is left to judge.")


def tilts(worth: Estimate, p: float, *, earned: bool, others: tuple[float, ...] = ()) -> Any:
    return SimpleNamespace(
        worth=worth, p=p, gains=range(1000), detectable=0.012, is_earned=earned, tracking_error=0.0196,
        years="2015 to 2022", others=others, adjusted_p=min(p * (1 + len(others)), 1.0),
    )  # fmt: skip


def risk(variance: tuple[float, float, float], target: tuple[float, float, float]) -> Any:
    saved = {
        use: EstimateWithTest(*ends, 0.95, p=0.03)
        for use, ends in ((MINIMUM_VARIANCE, variance), (VOLATILITY_TARGET, target))
    }
    return SimpleNamespace(saved=saved, window=252)


def test_a_sentence_of_means_says_worth_interval_p_and_power() -> None:
    earned = Worth(tilts(Estimate(0.013, 0.002, 0.024, 0.9), 0.012, earned=True), NOTHING)
    assert worth_words("ranks", earned) == (
        "Use ranks: its tilts were worth +1.3 points a year after costs (90 %: +0.2 to +2.4), 2015 to 2022, at a "
        "tracking error of 2.0 %; 11 of 999 placebos did as well or better (p 0.012). A worth of 1.2 points would "
        "have been found with a probability of 80 %."
    )
    other = Worth(tilts(Estimate(-0.001, -0.012, 0.01, 0.9), 0.6, earned=False), NOTHING)
    assert worth_words("ranks", other).startswith(
        "Do not use ranks to move weights: its tilts were worth −0.1 points a year after costs (90 %: −1.2 to +1.0)"
    )
    judged = Worth(tilts(Estimate(0.013, 0.002, 0.024, 0.9), 0.012, earned=True, others=(0.4, 0.5)), NOTHING)
    assert "as well or better (p 0.012; 0.036 by Holm for 3 judged)." in worth_words("ranks", judged)


@pytest.mark.parametrize(("variance", "target", "said"), [
    ((0.3, 0.1, 0.5), (0.1, -0.1, 0.3), "Use har for risk: minimum variance by it had 30 % less variance"),
    ((0.3, -0.1, 0.5), (0.1, -0.1, 0.3), "Do not use har for risk: "),
    ((0.3, 0.1, 0.5), (-0.3, -0.5, -0.1), "Do not use har for risk: "),
])  # fmt: skip
def test_a_sentence_of_variances_needs_one_saving_and_no_loss(
    variance: tuple[float, float, float], target: tuple[float, float, float], said: str
) -> None:
    silent = NotAvailable("Its means say nothing beyond the mean so far.")
    words = worth_words("har", Worth(silent, risk(variance, target)))
    assert words.startswith(f"Do not move weights by har: its means say nothing beyond the mean so far. {said}")


def test_what_is_not_known_is_said_with_its_reason() -> None:
    none = NotAvailable("The test is too short.")
    assert worth_text("har", none) == "What har is worth is not known: The test is too short."
    assert worth_numbers(none) == {"not_known": none.reason}
    assert worth_numbers(Worth(none, NOTHING))["variances"] == {"not_known": NOTHING.reason}
    assert [part.text for part in forecast_worth.worth_parts("har", none)] == [  # type: ignore[union-attr]
        "har: not known. The test is too short."
    ]
