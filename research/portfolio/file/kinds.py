"""The kinds of values that keys of a file take, with their bounds; a description ends the message about a wrong one.

Each kind is a type that pydantic validates and writes into the JSON schema of the file.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, dataclass_transform

import pandas as pd
from pydantic import AfterValidator, Field, PlainValidator, StringConstraints, WithJsonSchema

from foundation.arguments import LARGEST_NUMBER, MOST_PENALTY, is_number
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError
from foundation.names import NAME_FIX, name_fault
from foundation.table_files import iso_day
from research.market.rows import FIRST_DAY, LAST_DAY

Keys = TypeVar("Keys")
ISO_CODE = re.compile("[A-Z]{3}")  # of a currency
NOT_BLANK = r"\S"


class Told(ConfigError):
    """A fault that a validator tells itself.

    what : fault in words.
    fix  : way to correct it.
    key  : key of a record to which it belongs, "" for the whole value.
    """

    def __init__(self, what: str, fix: str, key: str = "") -> None:
        super().__init__(f"{what}. {fix}")
        self.what, self.fix, self.key = what, fix, key


def day_of(written: object) -> pd.Timestamp:
    """The day of a date written YYYY-MM-DD. Raises Told for another value, and for a far year.

    >>> day_of("2022-12-29")
    Timestamp('2022-12-29 00:00:00')
    """
    stated = iso_day(written) if isinstance(written, str) else None
    if stated is None:
        raise Told("not a date", "Write it as YYYY-MM-DD.")
    day = pd.Timestamp(stated)
    if not FIRST_DAY <= day <= LAST_DAY:
        raise Told("out of bounds", f"Give a date in the years {FIRST_DAY.year} to {LAST_DAY.year}.")
    return day


def checked_by(fault_of: Callable[[Any], str], fix: str) -> AfterValidator:
    """A validator of values for which a function gives no fault in words."""

    def check(value: Any) -> Any:
        if fault := fault_of(value):
            raise Told(fault, fix)
        return value

    return AfterValidator(check)


def _name_fault(name: str) -> str:
    return f"no name: it {fault}" if (fault := name_fault(name)) else ""


def pair_of(found: object) -> tuple[float, float]:
    """The two ends of a range. Raises Told for what is no list of two numbers."""
    if not (isinstance(found, list) and len(found) == 2 and all(map(is_number, found))):
        raise Told("not two numbers", "Write [lower, upper] as fractions of NAV, such as [0.20, 0.30].")
    return float(found[0]), float(found[1])


Text = Annotated[str, StringConstraints(pattern=NOT_BLANK)]
Name = Annotated[str, checked_by(_name_fault, NAME_FIX)]
Day = Annotated[pd.Timestamp, PlainValidator(day_of), WithJsonSchema({"type": "string", "format": "date"})]
Currency = Annotated[
    str,
    checked_by(
        lambda code: "" if ISO_CODE.fullmatch(code) else "no currency",
        "Write its code of three capital letters, such as EUR.",
    ),
]
Number = Annotated[float, Field(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)]
Amount = Annotated[float, Field(ge=0.0, le=LARGEST_NUMBER)]  # currency, or units
NO_SHORTS = "A portfolio has no short positions and borrows no money"
HeldAmount = Annotated[Amount, Field(description=f"{NO_SHORTS}: leave a short one out, with the cash from its sale.")]
Pair = Annotated[
    tuple[float, float],
    PlainValidator(pair_of),
    WithJsonSchema({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}),
]
Penalty = Annotated[float, Field(ge=0.0, le=MOST_PENALTY)]  # the price g of squared tracking error
Fraction = Annotated[float, Field(ge=0.0, le=1.0, description="A fraction: 5 % is 0.05.")]
Target = Annotated[Fraction, Field(description=f"A fraction: 5 % is 0.05. {NO_SHORTS}.")]
Share = Annotated[float, Field(gt=0.0, le=1.0, description="A fraction: 5 % is 0.05.")]
BasisPoints = Annotated[float, Field(ge=0.0, lt=5000.0, description="Basis points of notional a side.")]
BasisPointsAYear = Annotated[float, Field(ge=0.0, lt=5000.0, description="Basis points a year.")]


@dataclass_transform(kw_only_default=True, frozen_default=True)
def record(cls: type[Keys]) -> type[Keys]:
    """A class of keys as a frozen dataclass with named fields, which refuses keys that it does not declare."""
    cls.__pydantic_config__ = {"extra": "forbid"}  # type: ignore[attr-defined]
    return dataclass(frozen=True, kw_only=True)(cls)
