"""Market files as no vendor should write them: each is read to finite returns or refused in a sentence, never else.

The files are drawn at random from fixed seeds: the cells, dates, names, types and bytes of a small valid table are
replaced.
"""

import datetime as dt
import decimal
import gzip
import random
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foundation.errors import ConfigError, DataError
from research.market import load_market

LONGEST = 1_000  # characters of a message
CELLS = (
    "", "0", "-1", "1e300", "1e308", "1e309", "-1e300", "1e-320", "nan", "NaN", "inf", "-inf", "NA", "null", "None",
    "true", "1,5", "1.000,5", "1_000", "0x10", " 5 ", "'5", '"5"', "5 %", "$5", "=1+1", "text", "\x00", "\x1b[31m", "é",
    "9" * 400,     "9" * 5_000, "1e16", "1e-31", '"', '"a\nb"', "1" + "0" * 15, "2020-01-02", "x" * 5_000,
)  # fmt: skip
DATES = (
    "", "0001-01-01", "9999-12-31", "1799-12-31", "2200-01-01", "2020-02-30", "2020-1-2", "02/01/2020",
    "2020-01-02T12:00", "2020-01-02 00:00:00", "2020-01-02 00:00:00+01:00", "20200102", "43831", "text",
    "\x1b[31m", "nan", "2020-01-04",
    "2020-01-03", "1e9", "-1", "99999999999-01-01", "x" * 5_000,
)  # fmt: skip
NAMES = (
    "", " ", "A", "a", " A", "A ", "../x", "a/b", ".x", "\x1b[2J", "\x00", "\u202e", "x" * 81, "🚀" * 60, "Unnamed: 1",
    "1", '"a\nb"', "cash", "A.1", "x" * 5_000,
)  # fmt: skip
OBJECTS: tuple[Any, ...] = (
    None, [1.0], {"a": 1}, b"x", decimal.Decimal("1.5"), dt.date(2020, 1, 2), True, "text", "\x1b[31m", 1j,
    float("inf"),
)  # fmt: skip
TYPES = (
    "float32", "float16", "int64", "bool", "str", "category", "complex128", "datetime64[ns]", "Int64", "string",
    "timedelta64[ns]",
)  # fmt: skip


def table(rng: random.Random) -> pd.DataFrame:
    """Three assets on some sessions of New York."""
    days = pd.DatetimeIndex(["2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07", "2020-01-08", "2020-01-09"])
    prices = [[100.0 + rng.random() for _ in "ABC"] for _ in days]
    return pd.DataFrame(prices, pd.Index(days, name="date"), list("ABC"))


def csv(rng: random.Random, folder: Path) -> Path:
    """A CSV file of which cells, dates or names were replaced."""
    rows = [line.split(",") for line in table(rng).round(2).to_csv().splitlines()]
    for _ in range(rng.choice([1, 1, 2, 5])):
        row, column = rng.randrange(len(rows)), rng.randrange(4)
        pool = NAMES if row == 0 else DATES if column == 0 else CELLS
        kind = rng.randrange(10)
        if kind < 7 and column < len(rows[row]):
            rows[row][column] = rng.choice(pool)
        elif kind == 7:
            rows[row] = rows[row][:column] + rng.choice([[], ["1"], ["1", "2"]])
        elif kind == 8:
            rows.insert(row, rng.choice([rows[row], [""], [], rows[-1]]))
        elif len(rows) > 1:
            del rows[row]
    text = "\n".join(",".join(row) for row in rows) + "\n"
    path = folder / "prices.csv"
    path.write_bytes(text.encode(rng.choice(["utf-8"] * 9 + ["utf-16"]), "replace"))
    return path


def cut(rng: random.Random, folder: Path) -> Path:
    """A file of any kind of which bytes are wrong."""
    path, frame = (
        folder / rng.choice(["prices.csv", "prices.csv.gz", "prices.parquet", "prices.gz", "prices.PARQUET"]),
        table(rng),
    )
    whole = folder / "whole.parquet"
    frame.to_parquet(whole)
    text = frame.to_csv().encode()
    data = {".csv": text, ".gz": gzip.compress(text, mtime=0)}.get(path.suffix, whole.read_bytes())
    place = rng.randrange(len(data))
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: data[:place],
        lambda: data[place:],
        lambda: data[:place] + bytes([rng.randrange(256)]) + data[place + 1 :],
        lambda: data[:place] + rng.randbytes(8) + data[place + 8 :],
        lambda: rng.randbytes(200),
        lambda: b"",
        lambda: text,
        lambda: data + data,
        lambda: b"a" * 100_000,
        lambda: b"," * 10_000 + b"\n" + b"1," * 10_000,
    )
    path.write_bytes(rng.choice(kinds)())
    return path


def parquet(rng: random.Random, folder: Path) -> Path:
    """A Parquet file with labels or cells of other types."""
    frame, kind, path = table(rng), rng.randrange(9), folder / "prices.parquet"
    days, column = frame.index, rng.choice("ABC")
    if kind == 0:
        frame.index = pd.MultiIndex.from_arrays([days, range(len(days))])
    elif kind == 1:
        frame.columns = pd.MultiIndex.from_arrays([list("ABC"), rng.choice([list("xyz"), [1, 2, 3]])])
    elif kind == 2:
        frame.index = rng.choice([
            days.tz_localize("UTC"), days + pd.Timedelta("1h"), days.astype(str), days[::-1], days.astype("int64"),
            pd.RangeIndex(6), days.to_period("D"), pd.Index([d.date() for d in days]),
            pd.Index(rng.choices(DATES, k=6)),
            pd.Index([days[0]] * 6), pd.Index([None, *days[1:]]), days - pd.Timedelta(days=91_250),
            pd.Index(list("abcdef")),
        ])  # fmt: skip
    elif kind == 3:
        frame.columns = rng.choice([["A", "B", rng.choice(NAMES)], [1, 2, 3], [None, "B", "C"], list(days[:3])])
    elif kind == 4:
        frame[column] = rng.choice([pd.Series([cell] * 6, frame.index, dtype=object) for cell in OBJECTS])
    elif kind == 5:
        frame[column] = frame[column].round().astype(rng.choice(TYPES))
    elif kind == 6:
        frame.iloc[rng.randrange(6), rng.randrange(3)] = rng.choice(
            [np.nan, np.inf, -np.inf, 0.0, -1.0, 1e300, 1e-320, 1e16, 1e-31, 5e14]
        )
    elif kind == 7:
        frame = rng.choice(
            [frame.iloc[:0], frame.iloc[:1], frame[[]], frame.T, frame.reset_index(drop=True), frame.reset_index()]
        )
    else:
        frame[column] = [10.0**k for k in rng.sample(range(-30, 16), 6)]
    frame.to_parquet(path)
    return path


def drawn(rng: random.Random, folder: Path) -> Path:
    """A file of one of these kinds, and as many as can be written."""
    while True:
        try:
            return rng.choice([csv, csv, cut, parquet, parquet])(rng, folder)
        except (TypeError, ValueError, ArithmeticError, NotImplementedError):  # pandas or pyarrow does not write it
            continue


def became(path: Path, missing: str) -> str:
    """What becomes of a file: "loaded", or the sentence that refuses it. Anything else fails the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            market = load_market(path, quotes=path, volumes=path, missing=missing)
        except (ConfigError, DataError) as error:
            text = str(error)
            lines = text.split("\n")
            whole = all(len(line) <= LONGEST and line.isprintable() and line.endswith((".", ":")) for line in lines)
            return text if whole and "prices" in text else pytest.fail(f"no sentence: {text!r}")
        for values in (market.returns, market.index, market.cash_index):
            assert np.isfinite(values).all()
        assert (market.index > 0.0).all()
    return "loaded"


def explore(folder: Path, count: int, seed: int) -> dict[str, int]:
    """How many of so many drawn files were loaded and refused; the first that does neither fails, and is shown."""
    rng, found = random.Random(seed), {"loaded": 0, "refused": 0}
    for k in range(count):
        path = drawn(rng, folder)
        try:
            said = became(path, rng.choice(["error", "halt"]))
            found["loaded" if said == "loaded" else "refused"] += 1
        except Exception as error:
            error.add_note(f"file {k} of seed {seed}: {path.read_bytes()[:1_000]!r}")
            raise
    return found


def test_a_malformed_market_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    found = explore(tmp_path, count=200, seed=1)
    assert found["refused"] > 120
    assert found["loaded"] > 10


def test_a_parquet_file_with_dates_in_two_levels_is_read_by_the_first(tmp_path: Path) -> None:
    frame, path = table(random.Random(1)), tmp_path / "prices.parquet"
    frame.set_index(frame.index.rename("day"), append=True).to_parquet(path)
    market = load_market(path)
    assert market.assets == ("A", "B", "C")
    assert any("left out: day" in note for note in market.notes)
