"""The check of prose that a model wrote from a record: each number, order, name and instruction is one of the record.

It refuses rather than guesses. A number agrees where it has the sign and the unit of one of the record, and that one's
value to the decimals that the prose shows. A word that counts ("a third", "both"), a name or an instruction agrees
where the record has the same word. Buying and selling agree with the orders of the record, asset by asset.
"""

import re
import unicodedata
from calendar import day_name, month_name
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isclose

from foundation.arguments import shown
from foundation.printable import has_unseen

LONGER = 1.5  # times the record's own text: longer prose is refused
COARSEST = 0.05  # relative: 0.6 is not rounded to 1
WORDS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
 seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety"""
CARDINALS = {word: k if k < 20 else 10 * (k - 18) for k, word in enumerate(re.findall(r"\w+", WORDS))}
SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "k": 3, "m": 6, "mn": 6, "bn": 9}
MONTHS, DAYS = tuple(month_name)[1:], tuple(day_name)
COUNTING = """half halves halved third thirds quarter quarters first second fourth fifth sixth seventh eighth ninth
 tenth fourths fifths sixths sevenths eighths ninths tenths twentieth hundredth hundredths thousandth thousandths
 eleventh twelfth pair pairs couple both either dozen dozens hundred hundreds thousand thousands million millions
 billion billions trillion trillions twice thrice double doubles doubled triple triples tripled quadruple quadrupled
 single sole once twofold threefold tenfold decile quartile"""
INSTRUCTING = """approve approved confirm confirmed execute executed send sent transfer wire withdraw deposit borrow
 lend hedge leverage cancel override ignore disregard bypass disable enable delete reveal password key token click
 visit guarantee guaranteed instruct instructed urgent immediately system prompt maintenance"""
GUARDED = frozenset(re.findall(r"\w+", f"{COUNTING} {INSTRUCTING} {(*MONTHS, *DAYS)}".lower())) - {"may"}
SIDES = {
    "buy": re.compile(r"\b(buy|buys|buying|bought|purchas\w*|acquir\w*)\b", re.IGNORECASE),
    "sell": re.compile(
        r"\b(sell|sells|selling|sold|liquidat\w*|short|shorts|shorting|dispos\w*|divest\w*)\b", re.IGNORECASE
    ),
}
NEGATED = re.compile(r"\b(not|never|no|without|instead|cannot)\b|n't\b", re.IGNORECASE)
MARKUP = re.compile(r"[<>{}\[\]|\\`*_#~^@=]|://|\bwww\.")
CURRENCIES = {"$": "USD", "€": "EUR", "£": "GBP"}
ISO_DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
MONTH = rf"(?P<month>{'|'.join(f'{name}|{name[:3]}' for name in MONTHS)})\.?"
WORDED_DAYS = (
    re.compile(rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? {MONTH},? (?P<year>\d{{4}})\b"),
    re.compile(rf"\b{MONTH} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<year>\d{{4}})\b"),
)
RANGE = re.compile(r"(?<=[\d%])\s*-\s*(?=[\d$€£])")
CARDINAL = rf"(?:{'|'.join(CARDINALS)})"
WORDED = re.compile(
    rf"\b{CARDINAL}(?:(?:[ -]|,? and )(?:{CARDINAL}|hundred|thousand|million|billion)\b)*\b", re.IGNORECASE
)
QUANTITY = re.compile(
    r"(?<![\w.+\-/:,])(?P<sign>[+-]?)(?P<mark>[$€£]?)(?P<digits>(?:\d{1,3}(?:,\d{3})+|\d+)(?P<decimals>\.\d+)?)"
    r"(?:\s*(?P<scale>hundred|thousand|million|billion|k|mn?|bn)\b)?"
    r"(?:\s*(?P<unit>%|(?:bp|points|[A-Z]{3}|session|day|week|month|year)s?\b))?(?![\w%]|[.,:/]\d)"
)


@dataclass(frozen=True)
class Orders:
    """The orders that prose may state.

    sides    : action, "buy" or "sell", by asset.
    currency : currency of the amounts.
    """

    sides: Mapping[str, str]
    currency: str


@dataclass(frozen=True)
class Quantity:
    """A number in a text: its value with its sign, half of its last decimal, its unit, and where it stands."""

    value: float
    half: float
    unit: str
    start: int
    end: int

    def agrees(self, other: "Quantity") -> bool:
        """True if this is `other`, rounded to its own decimals."""
        if self.unit != other.unit or (self.value < 0.0) != (other.value < 0.0):
            return False
        distance = abs(self.value - other.value)
        return isclose(self.value, other.value, rel_tol=1e-9) or (
            distance <= self.half * (1.0 + 1e-9) and distance <= COARSEST * abs(other.value)
        )


def fault(text: str, record: str, orders: Orders) -> str:
    """The reason why prose may not stand for a record, in words; "" where it may.

    text   : prose of a model.
    record : the same in the record's own text, which has all that the prose may say.
    orders : orders of the record.
    """
    if len(text) > LONGER * len(record):
        return f"it has {len(text):,} characters, more than {LONGER:g} times the {len(record):,} of the record's text"
    if has_unseen(text.replace("\n", " ")) or MARKUP.search(text):
        return "it has markup, a link or characters that are not printed"
    if numeral := next((c for c in text if not c.isascii() and unicodedata.numeric(c, None) is not None), ""):
        return f"it has the numeral {shown(numeral)}, which is none of 0 to 9"
    plain, of_record = _plain(text), _plain(record)
    return next(
        (each for each in (*_numbers(plain, of_record, orders), *_words(plain, of_record), *_sides(plain, orders))), ""
    )


def _plain(text: str) -> str:
    """A text with one sign for minus and for each unit, days as YYYY-MM-DD, and cardinals in digits."""
    text = unicodedata.normalize("NFKC", re.sub("[\u2010-\u2015\u2212\ufe63\uff0d]", "-", text))
    for pattern in WORDED_DAYS:
        text = pattern.sub(_iso, text)
    text = WORDED.sub(lambda found: str(_cardinal(found[0])), text)
    for words, unit in (
        (r"\bper ?cent\b", "%"),
        (r"\bbasis points?\b|\bbps\b", "bp"),
        (r"\b(?:percentage )?points?\b|\bpp\b", "points"),
    ):
        text = re.sub(words, unit, text)
    return text


def _iso(found: re.Match[str]) -> str:
    month = next(k for k, name in enumerate(MONTHS, 1) if name.startswith(found["month"][:3]))
    return f"{found['year']}-{month:02}-{int(found['day']):02}"


def _cardinal(words: str) -> int:
    """The number of words such as "twenty-five thousand".

    >>> _cardinal("Two hundred and five"), _cardinal("one million ten thousand")
    (205, 1010000)
    """
    total = part = 0
    for word in re.findall("[a-z]+", words.lower()):
        if word == "hundred":
            part = max(part, 1) * 100
        elif word in SCALES:
            total, part = total + max(part, 1) * 10 ** SCALES[word], 0
        else:
            part += CARDINALS.get(word, 0)
    return total + part


def quantities(text: str, currency: str) -> tuple[list[Quantity], set[str]]:
    """The numbers of a text as `_plain` gives it, and all else with a digit: days, versions, fingerprints."""
    days = set(ISO_DAY.findall(text))
    text = RANGE.sub(" to ", ISO_DAY.sub(lambda found: " " * len(found[0]), text))
    found = [_quantity(each, currency) for each in QUANTITY.finditer(text)]
    for i, (one, after) in enumerate(pairwise(found)):
        if not one.unit and text[one.end : after.start].strip() in ("to", "and", "or", "through"):
            found[i] = replace(one, unit=after.unit)
    others = {word.strip(".,;:!?()'\"") for word in QUANTITY.sub(" ", text).split() if any(map(str.isdigit, word))}
    return found, days | others


def _quantity(found: re.Match[str], currency: str) -> Quantity:
    scale = 10.0 ** SCALES.get(found["scale"] or "", 0)
    value = float(found["digits"].replace(",", "")) * scale * (-1.0 if found["sign"] == "-" else 1.0)
    half = 0.5 * scale * 10.0 ** -max(len(found["decimals"] or ".") - 1, 0)
    unit, (start, end) = CURRENCIES.get(found["mark"]) or (found["unit"] or "").removesuffix("s"), found.span()
    if unit.isupper() and not found["mark"] and unit != currency:  # a name, as in "12 SPY"
        unit, end = "", found.start("unit")
    return Quantity(value, half, unit, start, end)


def _numbers(text: str, record: str, orders: Orders) -> Iterator[str]:
    """The numbers of a text that the record does not have."""
    (given, others), (known, kept) = (quantities(each, orders.currency) for each in (text, record))
    for each in given:
        if not any(each.agrees(one) for one in known):
            yield f"the record does not have its number {shown(text_of(each))}"
    for word in sorted(others - kept):
        yield f"the record does not have its {shown(word)}"


def text_of(quantity: Quantity) -> str:
    """A number with its unit, as a sentence shows it."""
    return f"{quantity.value:,.10g} {quantity.unit}".strip()


def _words(text: str, record: str) -> Iterator[str]:
    """Words that count, names and instructions of a text that the record does not have."""
    known = {word.lower() for word in re.findall(r"\w+", record)}
    text = QUANTITY.sub(lambda found: f" {found['unit'] or ''} ", text)  # where a unit may be a name
    for found in re.finditer(r"[^\W\d_]\w*", text):
        word, begins = found[0], re.search(r"(?:^|[.!?:\n]\s*)[(\"']*$", text[: found.start()]) is not None
        is_name = word[0].isupper() and (not begins or (word.isupper() and len(word) > 1))
        if (word.lower() in GUARDED or (is_name and word != "I")) and word.lower() not in known:
            yield f"the record does not have its word {shown(word)}"


def _sides(text: str, orders: Orders) -> Iterator[str]:
    """The parts of sentences that buy or sell what the record does not."""
    assets = re.compile("|".join(rf"(?<!\w){re.escape(asset)}(?!\w)" for asset in orders.sides) or r"(?!)")
    for sentence in re.split(r"[.!?;\n]\s", text):
        side = ""
        for clause in re.split(r",| and | but | while | or ", sentence):
            sides = {name for name, words in SIDES.items() if words.search(clause)}
            named, said = set(assets.findall(clause)), sides or ({side} if side else set())
            wrong = len(sides) > 1 or (sides and (not named or NEGATED.search(clause)))
            if wrong or any(orders.sides[asset] != each for each in said for asset in named):
                yield f"the record has no such order as {shown(clause.strip())}"
            side = next(iter(said), "")
