"""The section on returns: its numbers are those of pandas, and a short test has only what it is long enough for."""

import pandas as pd
import pytest

from backtests.comparison import Comparison, compare
from backtests.sheets.parts import pictures_in
from backtests.sheets.sections.returns import returns_numbers, returns_parts
from research.portfolio import load_portfolio


@pytest.mark.parametrize(("length", "rule"), [("months", "ME"), ("years", "YE")])
def test_whole_months_and_years_are_those_of_pandas(comparison: Comparison, length: str, rule: str) -> None:
    """The test runs from 2014-12-31 to 2022-12-29: December and the year 2022 go on for a day."""
    for name, played in comparison.backtests.items():
        path = pd.Series(played.growth_path, played.dates).resample(rule).last().pct_change().dropna()[:-1]
        found = returns_numbers(comparison)[name][length]
        assert found["count"] == len(path) == {"months": 95, "years": 7}[length]
        expected = (path.min(), path.mean(), path.max(), path.median(), (path > 0.0).mean())
        keys = ("worst", "mean", "best", "median", "gains")
        assert [found[key] for key in keys] == pytest.approx(expected, abs=1e-12)


def test_the_reference_is_at_its_own_volatility_and_pictures_have_their_policies(comparison: Comparison) -> None:
    numbers, reference = returns_numbers(comparison), comparison.reference
    own = comparison.backtests[reference].growth_path
    assert numbers[reference]["matched"] == pytest.approx({"share": 1.0, "total": own[-1] / own[0] - 1.0}, rel=1e-12)
    assert numbers["never"]["matched"]["share"] < 0.7  # it drifts into BTC
    drawn = {picture.name: picture for picture in pictures_in(returns_parts(comparison))}
    assert list(drawn) == ["rolling_returns", "return_spreads", "matched_volatility"]
    shown = {comparison.recommendation.policy or reference, reference}
    for name, one in drawn.items():
        assert set(one.data["policy"]) == (shown if name == "rolling_returns" else set(comparison.backtests))
        assert one.wide.startswith("<svg")
        assert one.narrow.startswith("<svg")


def test_a_test_of_some_months_has_no_spans_and_no_years() -> None:
    desk = load_portfolio("data/portfolios/sixty_forty.yaml", {"test_start": "2022-09-01"})
    found = compare(desk, only=["quarterly"], draws=100)
    assert set(returns_numbers(found)["quarterly"]) == {"rolling", "months", "matched"}
    assert returns_numbers(found)["quarterly"]["rolling"] == {}
    assert [picture.name for picture in pictures_in(returns_parts(found))] == ["return_spreads", "matched_volatility"]
