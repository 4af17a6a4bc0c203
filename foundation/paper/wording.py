"""Numbers and lists as text, for captions, alternative texts and tables."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import date
from string import Formatter
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import pandas as pd

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")

MINUS = "−"
ABBREVIATIONS = ("us", "uk", "eu", "em", "fx", "ig", "hy", "reit", "tips", "etf")  # in names of classes and sectors
NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
SURELY = 0.99  # a probability, from which on no more digits are shown


def number(value: float | None, digits: int = 2, *, signed: bool = False) -> str:
    """A number with a true minus, thousands separators, no negative zero; a dash for a missing value.

    >>> number(-0.001, 1), number(1234.5, 1), number(-3.14159), number(2.5, 1, signed=True), number(None)
    ('0.0', '1,234.5', '−3.14', '+2.5', '–')
    """
    if value is None or value != value:
        return "–"
    text = f"{round(value, digits) + 0.0:{'+' if signed else ''},.{digits}f}"
    if not float(text.replace(",", "")):
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def digits_apart(value: float, other: float, digits: int = 2) -> int:
    """The fewest digits, `digits` at least, at which two numbers that differ are written as two.

    >>> digits_apart(0.7987, 0.8), digits_apart(0.53906, 0.53879), digits_apart(0.7, 0.8), digits_apart(0.8, 0.8)
    (3, 4, 2, 2)
    """
    while value != other and number(value, digits) == number(other, digits):
        digits += 1
    return digits


def probability(value: float, needed: float = 0.0) -> str:
    """A probability; near its ends to no more digits than anybody can know.

    needed : the least that is enough for something; what is below it is not written like it.

    >>> probability(0.874), probability(0.9999), probability(0.0), probability(0.7987, 0.8)
    ('0.87', 'more than 0.99', 'less than 0.01', '0.799')
    """
    if value >= SURELY:
        return f"more than {SURELY}"
    if value <= 1.0 - SURELY:
        return f"less than {round(1.0 - SURELY, 2)}"
    return number(value, digits_apart(value, needed) if value < needed else 2)


def percent(value: float | None, digits: int = 1, *, signed: bool = False) -> str:
    """A fraction in per cent, as every text has it: the number, a space and the sign. A page makes the space narrow.

    >>> percent(-0.1234)
    '−12.3 %'
    """
    return number(None if value is None else value * 100.0, digits, signed=signed) + " %"


def amount(value: float | None, *, signed: bool = False) -> str:
    """An amount of currency: whole from 1,000 on, else with two decimals, as of a wealth of 1 at the start.

    >>> amount(24_847_922.4), amount(10.606)
    ('24,847,922', '10.61')
    """
    return number(value, 0 if value is not None and abs(value) >= 1_000.0 else 2, signed=signed)


def even(values: Sequence[float]) -> list[str]:
    """Tick labels with equal decimals, as many as the finest of them needs.

    >>> even([-0.5, 0.0, 1.0]), even([2.0, 10.0])
    (['−0.5', '0.0', '1.0'], ['2', '10'])
    """
    digits = max((len(f"{value:.8f}".rstrip("0").partition(".")[2]) for value in values), default=0)
    return [number(value, digits) for value in values]


def listed(items: Sequence[str], last: str = "and", most: int | None = None) -> str:
    """Names as a phrase.

    >>> listed(["a", "b", "c"]), listed(["a"]), listed(["a", "b", "c", "d"], most=2)
    ('a, b and c', 'a', 'a, b and 2 more')
    """
    shown = list(items)
    if most is not None and len(shown) > most:
        shown = [*shown[:most], f"{len(shown) - most} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} {last} {shown[-1]}"


class _Told(Formatter):
    """Fields of a text: a number in its own words, with digits, and a sign or as a percentage where that is asked."""

    def format_field(self, value: Any, format_spec: str) -> str:
        is_plain = isinstance(value, str | bool) or (isinstance(value, int) and not format_spec)
        if is_plain or format_spec.endswith("g"):
            return str(super().format_field(value, format_spec))
        digits, signed = format_spec.lstrip("+%"), "+" in format_spec
        if "%" in format_spec:
            return percent(value, int(digits or 1), signed=signed)
        return number(value, int(digits or 2), signed=signed)


def told(rows: "pd.DataFrame | Iterable[Mapping[str, Any]]", words: str) -> str:
    """A text for each row of a table, with the row's columns in braces.

    rows  : the table, or its rows.
    words : the text; `{loss}` has two decimals, `{loss:1}` one, `{gap:+}` a sign, and `{cost:%1}` is in per cent; a
            whole number, and one with `g`, is written as Python does.

    >>> told([{"name": "a", "gap": -0.5}, {"name": "b", "gap": 2}], "{name} {gap:+1} or {gap:%0}, {gap}")
    'a −0.5 or −50 %, −0.50; b +2.0 or 200 %, 2'
    """
    records: Any = rows.to_dict("records") if hasattr(rows, "to_dict") else rows
    write = _Told()
    return "; ".join(write.vformat(words, (), record) for record in records)


def cells_told(table: "pd.DataFrame", cell: Callable[[Any, float], str], after: str = ": ") -> str:
    """A text for each row of a table of numbers: its name, and each of its cells.

    table : a row each; NaN where there is no cell.
    cell  : gives the text of a cell by the name of its column and its number.
    after : stands after the name of a row.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"x": [1.0, None], "y": [2.0, 3.0]}, ["a", "b"])
    >>> cells_told(table, lambda at, value: f"{value:g} at {at}")
    'a: 1 at x, 2 at y; b: 3 at y'
    """
    rows = ((name, row.dropna()) for name, row in table.iterrows())
    return "; ".join(f"{name}{after}{', '.join(cell(at, value) for at, value in row.items())}" for name, row in rows)


def item_lines(items: Iterable[str], most: int = 20) -> list[str]:
    """Items as lines of a list, and behind the first `most` of them how many more there are.

    >>> item_lines(["a", "b", "c"], most=1)
    ['- a', '- and 2 more']
    """
    lines = [f"- {item}" for item in items]
    return [*lines[:most], f"- and {len(lines) - most:,} more"] if len(lines) > most else lines


def grouped(pairs: Iterable[tuple[Key, Item]]) -> dict[Key, list[Item]]:
    """Items by what they share, such as the reason of a sentence that names them, in order.

    >>> grouped([("too short", "a"), ("too long", "b"), ("too short", "c")])
    {'too short': ['a', 'c'], 'too long': ['b']}
    """
    found: dict[Key, list[Item]] = {}
    for key, item in pairs:
        found.setdefault(key, []).append(item)
    return found


def class_words(key: str) -> str:
    """An asset class or a sector as a sheet shows it; files and records keep the key.

    >>> class_words("us_equity"), class_words("real_estate"), class_words("Health Care")
    ('US equity', 'real estate', 'Health Care')
    """
    return " ".join(word.upper() if word in ABBREVIATIONS else word for word in key.split("_"))


def median_words(seeds: int) -> str:
    """The J that represents this number of seeds, in words.

    >>> median_words(5), median_words(2)
    ('the median J', 'the lower J of the two in the middle')
    """
    return "the median J" if seeds % 2 else "the lower J of the two in the middle"


def counted(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun.

    >>> counted(1, "trade"), counted(2, "policy", "policies"), counted(0, "asset"), counted(1260, "day")
    ('1 trade', '2 policies', 'no assets', '1,260 days')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}" if count else f"no {plural or noun + 's'}"


def dated_words(currency: str, last: date) -> str:
    """The currency and the age of the data of a page, as they stand below its title.

    currency : of amounts; "" where there is none.

    >>> dated_words("USD", date(2022, 12, 29))
    'In USD, prices to the closes of 2022-12-29.'
    """
    return f"{f'In {currency}, prices' if currency else 'Prices'} to the closes of {last:%Y-%m-%d}."


def age_words(last: date) -> str:
    """The day of everything that a page says of today, in words: runs say the same whenever they are made again.

    last : day of the last closes.
    """
    return (
        f"Prices end with the closes of {last:%Y-%m-%d}: holdings, trades and figures of “today” are of that day. "
        "Later than its next session, make them again with newer prices."
    )
