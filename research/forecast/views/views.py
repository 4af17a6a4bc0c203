"""Views of expected returns in words: "VEA beats VWO by 2% a year", and how sure the investor is of each.

The grammar, in which a side is the name of an asset, or a group with its weighting:

    <side> returns <number>% a <year | quarter | month> [over cash]
    <side> beats <side> by <number>% a <year | quarter | month>
    cap-weighted <group>  |  equally weighted <group>

A group is a word that a fact of the assets takes: an asset class, a sector, a region, any tag. "returns" is the total
simple return, and "over cash" what exceeds that of cash. A rate is arithmetic: 12 % a year is 1 % a month.
"""

import math
import re
from functools import cached_property
from typing import ClassVar, Literal

from foundation.arguments import is_number, refuse, shown
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError

Weighting = Literal["", "cap-weighted", "equally weighted"]
PER_YEAR = {"year": 1.0, "quarter": 4.0, "month": 12.0}
EVEN = 0.5  # the confidence of a view that states none: as sure as the prior (He and Litterman 1999)

NUMBER_A_PERIOD = r"(?P<number>-?\d+(?:\.\d+)?) ?% a (?P<period>\w+)"
RETURNS_PATTERN = re.compile(rf"(?P<side>.+) returns {NUMBER_A_PERIOD}(?P<cash> over cash)?")
BEATS = re.compile(rf"(?P<side>.+?) beats (?P<other>.+) by {NUMBER_A_PERIOD}")
SIDE = re.compile(r"(?:(?P<weighting>cap-weighted|equally weighted) )?(?P<name>.+)")
PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s?%")
VIEW_FORMS = (
    'Write "SPY returns 7% a year", "SPY returns 4% a year over cash", "VEA beats VWO by 2% a year" or "cap-weighted '
    'equity beats equally weighted bond by 3% a year".'
)


@dataclass(frozen=True)
class Side:
    """One side of a view.

    name      : name of an asset, or of a group.
    weighting : weighting of the assets of a group; "" for an asset.
    """

    name: str
    weighting: Weighting = ""

    def __str__(self) -> str:
        """The side as a view writes it."""
        return f"{self.weighting} {self.name}".strip()


@dataclass(frozen=True)
class Sentence:
    """A view after parsing.

    side      : asset or group whose return the view is about.
    other     : asset or group that it is compared with; None for an absolute view.
    rate      : expected return, or difference of returns, fraction a year.
    over_cash : true if the return is that in excess of cash.
    """

    side: Side
    other: Side | None
    rate: float
    over_cash: bool = False


@dataclass(frozen=True)
class InvestorView:
    """A view, and the investor's confidence in it; a View without this name is the information of a policy.

    view        : a sentence of the grammar above.
    confidence  : 0 to 1, or a percentage as text, "60%": where between the prior and the view this view alone puts what
                  it is about; 0 moves nothing, 1 is certain (Idzorek 2005). 0.5 where neither is given.
    uncertainty : in its place the standard deviation of the view's error, fraction or percentage a year, above 0.
    Raises      : ConfigError for a sentence outside the grammar, a confidence outside 0 to 1, an uncertainty that is
                  not positive, and both.

    >>> InvestorView("VEA  beats VWO by 2% a year", "60%").sentence
    Sentence(side=Side(name='VEA', weighting=''), other=Side(name='VWO', weighting=''), rate=0.02, over_cash=False)
    """

    view: str
    confidence: float | str | None = None
    uncertainty: float | str | None = None

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Read the sentence and the numbers."""
        read_view(self.view)
        object.__setattr__(self, "view", " ".join(self.view.split()))
        about = f"of view {shown(self.view)} is"
        if self.confidence is not None and self.uncertainty is not None:
            fix = "leave it out, or leave out the uncertainty: both say one thing."
            refuse(f"confidence {about}", self.confidence, fix)
        if self.uncertainty is not None:
            spread = _fraction(f"uncertainty {about}", self.uncertainty)
            if spread <= 0.0:
                fix = "give one above 0; a certain view has confidence: 100%."
                refuse(f"uncertainty {about}", self.uncertainty, fix)
            object.__setattr__(self, "uncertainty", spread)
            return
        sure = EVEN if self.confidence is None else _fraction(f"confidence {about}", self.confidence)
        if not 0.0 <= sure <= 1.0:
            percents = 1.0 < sure <= 100.0 and not isinstance(self.confidence, str)
            meant = f" {sure:g} per cent is written {sure:g}%." if percents else ""
            refuse(f"confidence {about}", self.confidence, f"give a number from 0 to 1, or 0% to 100%.{meant}")
        object.__setattr__(self, "confidence", sure)

    @cached_property
    def sentence(self) -> Sentence:
        """The view after parsing."""
        return read_view(self.view)


def view_variance(view: InvestorView, prior: float) -> float:
    """Variance of the error of a view, from that of the prior about the same combination.

    It is zero for a certain view, and infinite for one without confidence.
    Source : Idzorek (2005), A Step-by-Step Guide to the Black-Litterman Model, in the closed form of Walters (2014),
             The Black-Litterman Model in Detail.
    """
    if view.uncertainty is not None:
        return float(view.uncertainty) ** 2
    return (1.0 / float(view.confidence) - 1.0) * prior if view.confidence else math.inf


def read_view(text: str) -> Sentence:
    """A view in words as what it says.

    Raises : ConfigError for what is not in the grammar, with what is missing.

    >>> read_view("cap-weighted equity returns 1% a quarter over cash")
    Sentence(side=Side(name='equity', weighting='cap-weighted'), other=None, rate=0.04, over_cash=True)
    """
    if not isinstance(text, str):
        refuse("a view is", text, VIEW_FORMS)
    plain = " ".join(text.split())
    found = BEATS.fullmatch(plain) or RETURNS_PATTERN.fullmatch(plain)
    if found is None:
        raise ConfigError(f"view {shown(text)} is not understood: {_missing(plain)}. {VIEW_FORMS}")
    part = found.groupdict()
    if part["period"] not in PER_YEAR:
        raise ConfigError(
            f"view {shown(text)} is a rate a {shown(part['period'])}: give it a year, a quarter or a month, such as "
            f"'{part['number']}% a year'."
        )
    rate = float(part["number"]) / 100.0 * PER_YEAR[part["period"]]
    if part.get("other") is None:
        return Sentence(_side(part["side"]), None, rate, bool(part["cash"]))
    if part["number"].startswith("-"):
        raise ConfigError(
            f"view {shown(text)} has a negative difference: write '{part['other']} beats {part['side']} by "
            f"{part['number'][1:]}% a {part['period']}'."
        )
    if part["side"] == part["other"]:
        raise ConfigError(f"view {shown(text)} compares {part['side']} with itself. Name what it beats.")
    return Sentence(_side(part["side"]), _side(part["other"]), rate)


def read_views(text: str) -> tuple[InvestorView, ...]:
    """Several views in one text, with semicolons between, each with what follows its comma.

    Raises : ConfigError for text without a view, for what is no view, and for what follows a comma and is no confidence
             and no uncertainty.

    >>> [view.confidence for view in read_views("SPY returns 7% a year, confidence 40%; VEA beats VWO by 2% a year")]
    [0.4, 0.5]
    """
    found = tuple(_with_confidence(part) for part in text.split(";") if part.strip())
    if not found:
        refuse("views are", text, VIEW_FORMS)
    return found


def _with_confidence(text: str) -> InvestorView:
    sentence, comma, rest = (part.strip() for part in text.partition(","))
    word, _, value = rest.partition(" ")
    if comma and (word not in ("confidence", "uncertainty") or not value):
        refuse("after the comma of a view stands", rest, "write `confidence 60%`, or `uncertainty 2%` a year.")
    return InvestorView(sentence, **({word: value} if comma else {}))


def _side(text: str) -> Side:
    found = SIDE.fullmatch(text)
    assert found is not None  # it matches any text
    return Side(found["name"], found["weighting"] or "")  # type: ignore[arg-type]


def _missing(plain: str) -> str:
    """The reason why a text is no view, in words."""
    if not re.search(r"\S (beats|returns) \S", plain):
        return "it has no verb `beats` or `returns` between a name and what follows"
    if " beats " in plain and " by " not in plain:
        return "it does not say by how much one beats the other"
    if " beats " in plain and plain.endswith(" over cash"):
        return "a difference of returns has no cash in it, so `over cash` says nothing"
    if not re.search(r"\d ?%", plain):
        return "it has no number with a per cent sign"
    return "it does not end with a number and its period, such as `2% a year`"


def _fraction(subject: str, value: object) -> float:
    """A fraction, from a number or from text with a per cent sign."""
    if isinstance(value, str) and (found := PERCENT.fullmatch(value.strip())):
        return float(found[1]) / 100.0
    if not is_number(value):
        refuse(subject, value, "give a fraction such as 0.6, or a percentage such as 60%.")
    return float(value)  # type: ignore[arg-type]
