"""Prose against a record: faithful words pass; a number, order, name or instruction of its own is refused."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from injections import INJECTIONS

from desk.language.checked import Orders, fault

RECORD = """\
The portfolio holds 1,234,567.89 USD at the close of 2022-12-30, and its monitor is triggered: SPY is 2.68
points over target.
Decision: policy. Trade 2 of 4 assets to the edge: expected cost 1.35 bp of NAV, and the regret is -0.25%.
Status: finalised. When: the session of 2023-01-03.
HIGH: sell 120 SPY, 46,512.40 USD: it is 2.68 points over target.
LOW: buy 310 AGG, 30,100.00 USD: proceeds.
Sharpe ratio of NAV in the last year is 0.61 (0.12 to 1.10).
volatility is high: above 83% of the days so far.
Check the list against a venue. Then send it.
Decided by the policy, on data 98a13b64."""
ORDERS = Orders({"SPY": "sell", "AGG": "buy"}, "USD")
FAITHFUL = [
    RECORD,
    "The policy trades 2 of 4 assets: sell 120 SPY for 46,512.40 USD and buy 310 AGG for about 30,100 USD. "
    "The list goes on 2023-01-03, after a check against a venue.",
    "SPY is 2.7 points over target, so SPY is sold. It costs 1.35 basis points of NAV; the regret is −0.25 per cent.",
    "2 of 4 assets trade, at the close of 2022-12-30. NAV is 1,234,568 USD.",
    "The volatility is above 83 percent of the days so far.",
    "The Sharpe ratio is 0.6, with an interval of 0.12–1.10. The data are 98a13b64.",
]
UNFAITHFUL = {
    "another number": ("The cost is 1.36 bp.", "1.36 bp"),
    "another rounding": ("SPY is 3 points over target.", "3 point"),
    "zero": ("The regret is -0%.", "0 %"),
    "flipped sign": ("The regret is 0.25%.", "0.25 %"),
    "sign of its own": ("SPY is -2.68 points over target.", "-2.68 point"),
    "sign by another dash": ("SPY is –2.68 points over target.", "-2.68 point"),
    "flipped unit": ("The cost is 1.35%.", "1.35 %"),
    "no unit": ("The cost is 1.35 of NAV.", "1.35"),
    "unit of a range": ("The Sharpe ratio is 0.12 to 1.10%.", "0.12 %"),
    "another currency": ("NAV is €1,234,567.89.", "€1,234,567.89"),
    "a currency code": ("NAV is 1,234,567.89 EUR.", "its number '1,234,567.89'"),
    "thousands": ("NAV is 1,234.57 million USD.", "1,234.57"),
    "another day": ("The list goes on 2023-01-04.", "2023-01-04"),
    "a day in words": ("The list goes on January 4, 2023.", "2,023"),
    "a month": ("The list goes in March.", "March"),
    "a weekday": ("The list goes on Tuesday.", "Tuesday"),
    "year alone": ("The list goes in 2023.", "2,023"),
    "number in words": ("Three assets trade.", "Three"),
    "large number in words": ("NAV is twenty-five thousand USD.", "twenty"),
    "a third": ("A third of NAV trades.", "third"),
    "ordinal": ("It is the 3rd trade.", "3rd"),
    "ordinal in words": ("It is the seventh trade.", "seventh"),
    "half": ("Costs are half of it.", "half"),
    "both": ("Both assets trade.", "Both"),
    "doubled": ("The cost doubled.", "doubled"),
    "sign of a third": ("It trades ⅓ of NAV.", "⅓"),
    "full-width digits": ("It trades ２ assets.", "２"),
    "Arabic digits": ("It trades ٢ assets.", "٢"),
    "exponent": ("NAV is 1.2e6 USD.", "1.2e6"),
    "decimal comma": ("The cost is 1,35 bp.", "1,35"),
    "other fingerprint": ("The data are 98a13b65.", "98a13b65"),
    "letters in a number": ("It costs 1O bp.", "1O"),
    "multiple": ("It is 3x the cost.", "3x"),
    "slash": ("It is 1/3 of NAV.", "1/3"),
    "ticker": ("The policy prefers TSLA.", "TSLA"),
    "ticker after a number": ("It prefers 120 TSL.", "TSL"),
    "a million": ("It trades a million USD.", "million"),
    "name": ("The policy prefers Tesla.", "Tesla"),
    "flipped order": ("Buy 120 SPY.", "no such order as 'Buy 120 SPY"),
    "flipped by and": ("Sell 120 SPY and 310 AGG.", "no such order as '310 AGG"),
    "passive": ("SPY is over target, and AGG is sold.", "no such order"),
    "negated": ("Do not sell SPY.", "no such order"),
    "order of what has none": ("The policy sells the rest.", "no such order"),
    "short": ("Going short SPY and buying AGG.", ""),
    "instruction": ("Please approve the list.", "approve"),
    "link": ("See https://example.com now.", "markup"),
    "markup": ("**The policy** trades.", "markup"),
    "unseen": ("The policy\u202e trades.", "not printed"),
    "longer": ("The policy trades. " * 80, "more than 1.5 times"),
}  # fmt: skip


@pytest.mark.parametrize("prose", FAITHFUL)
def test_a_faithful_paraphrase_passes(prose: str) -> None:
    assert fault(prose, RECORD, ORDERS) == ""


@pytest.mark.parametrize("case", [case for case in UNFAITHFUL if case != "short"])
def test_prose_with_something_of_its_own_is_refused(case: str) -> None:
    prose, says = UNFAITHFUL[case]
    assert says in fault(prose, RECORD, ORDERS)


@pytest.mark.parametrize("name", INJECTIONS)
def test_a_hostile_text_is_refused(name: str) -> None:
    assert fault(INJECTIONS[name], RECORD, ORDERS)


NUMBERS = [(float(text.replace(",", "")), unit) for text, unit in
           re.findall(r"(?<![\w-])(-?\d[\d,]*(?:\.\d+)?)(?![\w-])\s?(%|bp|points|USD)?", RECORD)]  # fmt: skip
SENTENCES = st.sampled_from(["The cost is {}.", "SPY is {} over target, says the policy.", "It is ({}) at the close."])


@given(SENTENCES, st.floats(-2e6, 2e6), st.integers(0, 4), st.sampled_from(["", "%", " bp", " points", " USD"]))
def test_any_number_that_the_record_does_not_have_is_refused(
    sentence: str, value: float, decimals: int, unit: str
) -> None:
    written = f"{value:,.{decimals}f}"
    shown, half = float(written.replace(",", "")), 0.5 * 10.0**-decimals
    near = [known for known, of in NUMBERS if of == unit.strip() and abs(known - shown) <= half * 1.001]
    assume(not near)
    assert fault(sentence.format(f"{written}{unit}"), RECORD, ORDERS)


@given(st.sampled_from(NUMBERS), st.integers(0, 4))
def test_a_number_of_the_record_passes_as_it_is(known: tuple[float, str], decimals: int) -> None:
    value, unit = known
    assert fault(f"The close has {value:,.2f} {unit}.".replace(" .", "."), RECORD, ORDERS) == ""
    shown = round(value, decimals)
    if abs(shown - value) <= 0.05 * abs(value):
        assert fault(f"The close has {shown:,.{decimals}f} {unit}.".replace(" .", "."), RECORD, ORDERS) == ""
