"""The check of prose that a model wrote from a record: each number, order, name and instruction is one of the record.

It refuses rather than guesses. A number agrees where it has the sign and the unit of one of the record, and that one's
value to the decimals that the prose shows. A word that counts ("three", "a third", "both", "March"), a name or an
instruction agrees where the record has the same word; all else with a digit, such as a day, where the record has it
letter by letter. Buying and selling agree with the orders of the record, asset by asset.
"""

import re
import unicodedata
from calendar import day_name, month_name
from collections.abc import Iterator, Mapping
from itertools import pairwise

from foundation.arguments import shown
from foundation.dataclasses import dataclass
from foundation.printable import has_unseen

LONGER = 1.5  # times the record's own text: longer prose is refused
COARSEST = 0.05  # relative: 0.6 is not rounded to 1
GUARDED_WORDS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
 seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands
 million millions billion billions trillion trillions dozen dozens half halves halved third thirds quarter quarters
 first second fourth fifth sixth seventh eighth ninth tenth fourths fifths sixths sevenths eighths ninths tenths
 eleventh twelfth twentieth hundredth hundredths thousandth thousandths pair pairs couple both either twice thrice
 double doubles doubled triple triples tripled quadruple quadrupled single sole once twofold threefold tenfold
 approve approved confirm confirmed execute executed send sent transfer wire withdraw deposit borrow lend hedge
 leverage cancel override ignore disregard bypass disable enable delete reveal password key token click visit
 guarantee guaranteed instruct instructed urgent immediately system prompt maintenance"""
GUARDED = frozenset(re.findall(r"\w+", f"{GUARDED_WORDS} {(*month_name, *day_name)}".lower())) - {"may"}
SIDE_WORDS = {
    "buy": re.compile(r"\b(buy(s|ing)?|bought|purchas\w*|acquir\w*)\b", re.IGNORECASE),
    "sell": re.compile(r"\b(sell(s|ing)?|sold|liquidat\w*|short(s|ing)?|dispos\w*|divest\w*)\b", re.IGNORECASE),
}
NEGATED = re.compile(r"\b(not|never|no|without|instead|cannot)\b|n't\b", re.IGNORECASE)
MARKUP = re.compile(r"[<>{}\[\]|\\`*_#~^@=]|://|\bwww\.")
UNIT_OF = {r"\bper ?cent\b": "%", r"\bbasis points?\b|\bbps\b": "bp", r"\b(?:percentage )?points?\b|\bpp\b": "points"}
ISO_DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
RANGE_SIGN = re.compile(r"(?<=[\d%])\s*-\s*(?=\d)")
QUANTITY = re.compile(
    r"(?<![\w.+\-/:,$€£])(?P<sign>[+-]?)(?P<digits>(?:\d{1,3}(?:,\d{3})+|\d+)(?P<decimals>\.\d+)?)"
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
    plain, known = _plain(text), _plain(record)
    found = (*_numbers(plain, known, orders.currency), *_words(plain, known))
    alone = next((f"the record does not have its {each}" for each in found), "")
    return alone or next((f"the record has no such order as {shown(each)}" for each in _sides(plain, orders)), "")


def invented_number(text: str, record: str) -> str:
    """The first number of a text, or other word with a digit, that a record does not have; "" for none."""
    return next(_numbers(_plain(text), _plain(record), ""), "")


def _plain(text: str) -> str:
    """A text with one sign for minus and for each unit."""
    text = unicodedata.normalize("NFKC", re.sub("[\u2010-\u2015\u2212\ufe63\uff0d]", "-", text))
    for words, unit in UNIT_OF.items():
        text = re.sub(words, unit, text)
    return text


def _quantities(text: str, currency: str) -> tuple[list[tuple[float, str, int]], set[str]]:
    """The numbers of a text, (value, unit, decimals), and all else with a digit: days, versions, fingerprints."""
    days = set(ISO_DAY.findall(text))
    text = RANGE_SIGN.sub(" to ", ISO_DAY.sub(" ", text))
    matches = list(QUANTITY.finditer(text))
    units = [unit if (unit := each["unit"] or "") == currency or not unit.isupper() else "" for each in matches]
    for i, (one, after) in reversed([*enumerate(pairwise(matches))]):  # "3 to 5 %" has two units
        if not units[i] and text[one.end("digits") : after.start()].strip() in ("to", "and", "or", "through"):
            units[i] = units[i + 1]
    found = [
        (
            float(f"{each['sign']}{each['digits']}".replace(",", "")),
            unit.removesuffix("s"),
            len(each["decimals"] or ".") - 1,
        )
        for each, unit in zip(matches, units, strict=True)
    ]
    others = {word.strip(".,;:!?()'\"") for word in QUANTITY.sub(" ", text).split() if any(map(str.isdigit, word))}
    return found, days | others


def _numbers(text: str, record: str, currency: str) -> Iterator[str]:
    """The numbers of a text that the record does not have."""
    (given, others), (known, kept) = (_quantities(each, currency) for each in (text, record))
    for value, unit, decimals in given:
        half = 0.5 * 10.0**-decimals * (1.0 + 1e-9)
        near = [one for one, of, _ in known if of == unit and abs(value - one) <= min(half, COARSEST * abs(one))]
        if not any((one < 0.0) == (value < 0.0) for one in near):
            yield f"number {shown(f'{value:,.10g} {unit}'.strip())}"
    yield from map(shown, sorted(others - kept))


def _words(text: str, record: str) -> Iterator[str]:
    """Words that count, names and instructions of a text that the record does not have."""
    known = {word.lower() for word in re.findall(r"\w+", record)}
    text = QUANTITY.sub(lambda found: f" {found['unit'] or ''} ", text)  # where a unit may be a name
    for found in re.finditer(r"[^\W\d_]\w*", text):
        word, begins = found[0], re.search(r"(?:^|[.!?:\n]\s*)[(\"']*$", text[: found.start()]) is not None
        is_name = word[0].isupper() and word != "I" and (not begins or (word.isupper() and len(word) > 1))
        if (is_name or word.lower() in GUARDED) and word.lower() not in known:
            yield f"word {shown(word)}"


def _sides(text: str, orders: Orders) -> Iterator[str]:
    """The parts of sentences that buy or sell what the record does not."""
    assets = re.compile("|".join(rf"(?<!\w){re.escape(asset)}(?!\w)" for asset in orders.sides) or r"(?!)")
    for sentence in re.split(r"[.!?;\n]\s", text):
        side = set[str]()
        for clause in re.split(r",| and | but | while | or ", sentence):
            stated, named = {name for name, words in SIDE_WORDS.items() if words.search(clause)}, assets.findall(clause)
            side = stated or side
            if any({orders.sides[each]} != side for each in named if side) or (
                stated and (not named or NEGATED.search(clause))
            ):
                yield clause.strip()
