"""The grammar of views: what each sentence says, and what is said of one that is none."""

import math

import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import ConfigError
from research.forecast.views.views import InvestorView, Sentence, Side, read_view, read_views, view_variance

NAMES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ.-0123456789", min_size=1, max_size=6)
RATES = st.integers(0, 5_000).map(lambda number: number / 100)


@cases(
    "text, said",
    ("SPY returns 7% a year", Sentence(Side("SPY"), None, 0.07)),
    ("SPY returns -2.5 % a year", Sentence(Side("SPY"), None, -0.025)),
    ("SPY returns 1% a month over cash", Sentence(Side("SPY"), None, 0.12, True)),
    ("VEA beats VWO by 2% a year", Sentence(Side("VEA"), Side("VWO"), 0.02)),
    ("BRK B  beats US small caps by 0.5 % a quarter", Sentence(Side("BRK B"), Side("US small caps"), 0.02)),
    (
        "cap-weighted equity beats equally weighted bond by 3% a year",
        Sentence(Side("equity", "cap-weighted"), Side("bond", "equally weighted"), 0.03),
    ),
)
def test_a_view_says_whose_return_and_how_much_a_year(text: str, said: Sentence) -> None:
    found = read_view(text)
    assert (found.side, found.other, found.over_cash) == (said.side, said.other, said.over_cash)
    assert found.rate == pytest.approx(said.rate, abs=1e-15)


@given(one=NAMES, other=NAMES, rate=RATES)
def test_any_two_names_and_rate_are_read_as_written(one: str, other: str, rate: float) -> None:
    if one == other:
        return
    found = read_view(f"{one} beats {other} by {rate:g}% a year")
    assert (str(found.side), str(found.other)) == (one, other)
    assert found.rate == pytest.approx(rate / 100.0)


@cases(
    "text, said",
    ("SPY gains 7% a year", "no verb"),
    ("VEA beats VWO 2% a year", "by how much"),
    ("VEA beats VWO by 2 a year", "no number with a per cent sign"),
    ("VEA beats VWO by 2%", "does not end with a number and its period"),
    ("VEA beats VWO by 2% a year or so", "does not end with"),
    ("VEA beats VWO by 2% a year over cash", "says nothing"),
    ("VEA beats VWO by 2% a day", "a quarter or a month"),
    ("VEA beats VWO by -2% a year", "write 'VWO beats VEA by 2% a year'"),
    ("VEA beats VEA by 2% a year", "with itself"),
    (7, "a view is 7"),
)
def test_what_is_no_view_is_refused_with_what_it_lacks(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match="view") as error:
        InvestorView(text)
    assert said in str(error.value)


def test_a_confidence_is_a_fraction_or_a_percentage_and_half_where_none_is_given() -> None:
    text = "SPY returns 7% a year"
    assert [InvestorView(text, sure).confidence for sure in (0, 1, 0.6, "60%", "12.5 %", None)] == [
        0, 1, 0.6, 0.6, 0.125, 0.5
    ]  # fmt: skip


@cases(
    "settings, said",
    ({"confidence": 1.2}, "is 1.2: give a number from 0 to 1"),
    ({"confidence": 60}, "60 per cent is written 60%"),
    ({"confidence": -0.1}, "is -0.1"),
    ({"confidence": "140%"}, "is '140%'"),
    ({"confidence": "high"}, "such as 0.6"),
    ({"confidence": float("nan")}, "is nan"),
    ({"confidence": True}, "is True"),
    ({"uncertainty": 0.0}, "above 0"),
    ({"uncertainty": "2%", "confidence": 0.5}, "both say one thing"),
)
def test_a_confidence_outside_zero_and_one_is_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match="SPY returns 7% a year") as error:
        InvestorView("SPY returns 7% a year", **settings)  # type: ignore[arg-type]
    assert said in str(error.value)


def test_the_error_of_a_view_follows_from_its_confidence_or_is_stated() -> None:
    text = "SPY returns 7% a year"
    assert view_variance(InvestorView(text, 1.0), 0.04) == 0.0
    assert view_variance(InvestorView(text, 0.8), 0.04) == pytest.approx(0.01)
    assert view_variance(InvestorView(text, 0.0), 0.04) == math.inf
    assert view_variance(InvestorView(text, uncertainty="3%"), 0.04) == pytest.approx(0.0009)


def test_several_views_are_read_from_one_text() -> None:
    found = read_views(
        "SPY returns 7% a year, confidence 40%;VEA beats VWO by 2% a year; AGG returns 1% a year, uncertainty 1%;"
    )
    expected = ["SPY returns 7% a year", "VEA beats VWO by 2% a year", "AGG returns 1% a year"]
    assert [view.view for view in found] == expected
    assert [view.confidence for view in found] == [0.4, 0.5, None]
    assert found[2].uncertainty == 0.01


@pytest.mark.parametrize("text", ["", " ; ", "SPY returns 7% a year, very sure", "SPY returns 7% a year, confidence"])
def test_text_without_a_view_or_with_more_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"views are|after the comma of a view stands"):
        read_views(text)
