"""Numbers as brokers write them: separators of thousands, currency signs, parentheses for negatives, and nothing."""

import re
from collections.abc import Iterable
from typing import NamedTuple

EMPTY = frozenset(("", "-", "--", "---", "–", "—", "n/a", "na", "#n/a", "null", "none"))  # what says that there is none
SIGNS = {
    "$": ("USD", "CAD", "AUD", "NZD", "HKD", "SGD"),
    "US$": ("USD",),
    "€": ("EUR",),
    "£": ("GBP",),
    "¥": ("JPY", "CNY"),
    "₹": ("INR",),
}  # the currencies that each may stand for
BLANKS = dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f"), " ")  # some separate thousands
SIGN = re.compile(r"US\$|[$€£¥₹]|\b[A-Z]{3}\b")
FORMULA = re.compile(r'="(.*)"')  # how a spreadsheet is told that a cell is text
DIGITS = r"(?:\d{1,3}(?P<group>[%s '’])\d{3}(?:(?P=group)\d{3})*|\d+)"
PLAIN = {
    ".": re.compile(rf"(?:{DIGITS % ','}(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"),
    ",": re.compile(rf"(?:{DIGITS % '.'}(?:,\d*)?|,\d+)(?:[eE][+-]?\d+)?"),
}


class Amount(NamedTuple):
    """A number, and the currency sign or code that stands beside it, "" where none does."""

    value: float
    sign: str

    def may_be(self, currency: str) -> bool:
        """May it be an amount of this currency?"""
        return not self.sign or currency in SIGNS.get(self.sign, (self.sign,))


def cell_text(cell: str) -> str:
    """A cell without what surrounds its text, and "" where it says that there is nothing.

    >>> cell_text("  n/a "), cell_text('="00123"'), cell_text("SPY")
    ('', '00123', 'SPY')
    """
    text = " ".join(cell.translate(BLANKS).replace("\ufeff", "").split())
    if quoted := FORMULA.fullmatch(text):
        text = quoted[1].strip()
    return "" if text.casefold() in EMPTY else text


def amount(text: str, decimal: str = ".") -> Amount | None:
    """The number in a cell, None where it is empty.

    text    : of the cell.
    decimal : the sign before its decimals, "." or ",".
    Raises  : ValueError for what is no number, and for separators of thousands that are not three digits apart.

    >>> amount("($1,234.50)"), amount("-12,5 EUR", ","), amount("--")
    (Amount(value=-1234.5, sign='$'), Amount(value=-12.5, sign='EUR'), None)
    """
    if not (text := cell_text(text)):
        return None
    negative, sign, digits = _parts(text)
    if not PLAIN[decimal].fullmatch(digits):
        raise ValueError(text)
    value = float(re.sub(rf"[^\d{decimal}eE+-]", "", digits).replace(decimal, "."))
    return Amount(-value if negative else value, sign)


def decimal_signs(texts: Iterable[str]) -> tuple[set[str], str]:
    """The decimal signs that numbers prove, and the first number that can be read with either, "" where none can.

    >>> decimal_signs(["1,234.50", "12"]), decimal_signs(["1,234"])
    (({'.'}, ''), (set(), '1,234'))
    """
    proved, either = set(), ""
    for text in map(cell_text, texts):
        digits = _parts(text)[2]
        fits = {decimal for decimal, pattern in PLAIN.items() if pattern.fullmatch(digits)}
        if len(fits) == 1:
            proved |= fits
        elif len(fits) == 2 and re.search("[.,]", digits):
            either = either or text
    return proved, either


def _parts(text: str) -> tuple[bool, str, str]:
    """Is it negative, its currency, and its digits with their separators?"""
    found = SIGN.search(text)
    sign = found[0] if found else ""
    rest = SIGN.sub("", text, count=1).replace("−", "-").strip()
    negative = False
    if rest.startswith("(") and rest.endswith(")"):
        negative, rest = True, rest[1:-1].strip()
    elif rest.endswith("-"):
        negative, rest = True, rest[:-1].strip()
    elif rest[:1] in ("-", "+"):
        negative, rest = rest[0] == "-", rest[1:].strip()
    return negative, sign, rest
