"""Price tables of many kinds with the right values by own arithmetic: the core."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

SEED = 75
FIRST = "2024-01-02"
HOLIDAYS = """2014 0101 0120 0217 0418 0526 0704 0901 1127 1225
2015 0101 0119 0216 0403 0525 0703 0907 1126 1225
2016 0101 0118 0215 0325 0530 0704 0905 1124 1226
2017 0102 0116 0220 0414 0529 0704 0904 1123 1225
2018 0101 0115 0219 0330 0528 0704 0903 1122 1205 1225
2019 0101 0121 0218 0419 0527 0704 0902 1128 1225
2020 0101 0120 0217 0410 0525 0703 0907 1126 1225
2021 0101 0118 0215 0402 0531 0705 0906 1125 1224
2022 0117 0221 0415 0530 0620 0704 0905 1124 1226
2023 0102 0116 0220 0407 0529 0619 0704 0904 1123 1225
2024 0101 0115 0219 0329 0527 0619 0704 0902 1128 1225"""  # of the New York Stock Exchange, beside weekends
CLOSED = [f"{year}-{day[:2]}-{day[2:]}" for year, *days in map(str.split, HOLIDAYS.splitlines()) for day in days]
DOORS = ("import", "frame", "file")

Array = NDArray[np.float64]
Days = NDArray[np.datetime64]
Texts = Sequence[str]


@dataclass(frozen=True)
class Right:
    """The right values of one asset.

    rows   : its closes; `first` and `last` are the days of the first and the last of them.
    closes : the last close, or several where more than one reading is right (as quoted, or adjusted).
    growth : over all rows, fraction; several where more than one convention is right.
    change : of the last session, fraction, in the same order.
    volume : of the last row, where it must be right if it is read.
    slack  : by which growth and change may differ, for adjusted closes that are rounded.
    """

    rows: int
    first: str
    last: str
    closes: tuple[float, ...]
    growth: tuple[float, ...]
    change: tuple[float, ...]
    volume: float | None = None
    slack: float = 1e-9


@dataclass(frozen=True, eq=False)
class Case:
    """A table and what is right of it.

    kind    : the kind, alike for cases that vary one thing.
    name    : unique in its part.
    text    : content of the file; a text is written in UTF-8.
    truth   : right values by asset; "*" stands for the only asset, however it is named; empty where the table has no
              prices, and must be refused.
    must    : doors at which it must be read; at the others of `doors` it is right or refused.
    doors   : doors at which it is tried.
    options : options of the import.
    read    : options of `pandas.read_csv` with which a competent person makes the frame.
    market  : options of `market_from_frame` and `market_from_file`.
    says    : texts of which one must stand in what the import prints, where the table is read.
    file    : name of the file.
    loose   : true if the name of an asset may have the name of its field beside it.
    """

    kind: str
    name: str
    text: str | bytes
    truth: Mapping[str, Right]
    must: tuple[str, ...] = DOORS
    doors: tuple[str, ...] = DOORS
    options: Mapping[str, str] = field(default_factory=dict)
    read: Mapping[str, Any] = field(default_factory=dict)
    market: Mapping[str, Any] = field(default_factory=dict)
    says: tuple[str, ...] = ()
    file: str = "ORRA.csv"
    loose: bool = False


# -- days, paths and texts ---------------------------------------------------------------------------------------------


def sessions(count: int = 60, first: str = FIRST) -> Days:
    """(count,) sessions of the New York Stock Exchange from a day on."""
    return np.busday_offset(np.datetime64(first), np.arange(count), roll="forward", holidays=CLOSED)


def dice(*names: object) -> np.random.Generator:
    """Random numbers of their own for a name."""
    return np.random.default_rng([SEED, *(zlib.crc32(str(name).encode()) for name in names)])


def walk(
    key: object, count: int = 60, start: float = 80.0, vol: float = 0.012, drift: float = 0.0005, digits: int = 2
) -> Array:
    """(count,) closes, rounded as they are written."""
    steps = dice("walk", key).normal(drift, vol, count - 1)
    return np.round(start * np.exp(np.append(0.0, np.cumsum(steps))), digits)


def bars_of(key: object, close: Array, digits: int = 2, spread: float = 0.006) -> dict[str, Array]:
    """Open, high, low and volume around closes; the bounds are touched on some days."""
    rng, before = dice("bars", key), np.append(close[0], close[:-1])
    opened = np.round(before * np.exp(rng.normal(0.0, spread / 2, len(close))), digits)
    up, down = np.abs(rng.normal(0.0, spread, (2, len(close)))) * (rng.random((2, len(close))) > 0.25)
    high = np.round(np.maximum(opened, close) * (1.0 + up), digits)
    low = np.round(np.minimum(opened, close) * (1.0 - down), digits)
    volume = np.round(1.2e6 * np.exp(rng.normal(0.0, 0.45, len(close))))
    return {"open": opened, "high": high, "low": low, "close": close, "volume": volume}


def right(days: Days, close: Array, total: Sequence[Array] = (), **others: Any) -> Right:
    """The right values of closes as written, NaN where empty; `total` are levels of total return, if others."""
    kept = ~np.isnan(close)
    levels = [np.asarray(one)[kept] for one in (total or (close,))]
    return Right(
        int(kept.sum()),
        str(days[kept][0]),
        str(days[kept][-1]),
        (float(close[kept][-1]),),
        tuple(float(one[-1] / one[0] - 1.0) for one in levels),
        tuple(float(one[-1] / one[-2] - 1.0) for one in levels),
        **others,
    )


def texts(values: Iterable[Any], digits: int = 2, decimal: str = ".") -> list[str]:
    """Numbers as they are written, "" for NaN; texts as they are."""
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        return ["" if np.isnan(v) else f"{v:.{digits}f}".replace(".", decimal) for v in values]
    return [str(v) for v in values]


def table(columns: Mapping[str, Sequence[str]] | Sequence[tuple[str, Sequence[str]]], sep: str = ",") -> str:
    """The text of a table with a row of names."""
    pairs = list(columns.items() if isinstance(columns, Mapping) else columns)
    rows = zip(*(cells for _, cells in pairs), strict=True)
    return "".join(sep.join(row) + "\n" for row in ([name for name, _ in pairs], *rows))


def wide(days: Days, prices: Mapping[str, Array], digits: int | Mapping[str, int] = 2, date: str = "Date") -> str:
    """The text of a wide table of prices."""
    of = digits if isinstance(digits, Mapping) else dict.fromkeys(prices, digits)
    return table({date: texts(days), **{name: texts(values, of[name]) for name, values in prices.items()}})


def truth_of(days: Days, prices: Mapping[str, Array]) -> dict[str, Right]:
    """The right values of a wide table of closes."""
    return {name: right(days, values) for name, values in prices.items()}
