"""Tables of prices at three doors: the import, a frame and a file give the right values, or refuse, and never else.

The tables of `price_tables` are made by their own arithmetic: those of some 85 vendors and tools as they name their
columns, columns that are no prices, and unusual tables that are. Those of `price_cases` rebuild public reports.
"""

import io
import math
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from price_tables.corpus import Case, Right
from price_tables.nonprices import non_prices
from price_tables.twins import twins
from price_tables.vendors import vendors

from foundation.errors import InputError
from research.market import Market, market_from_file, market_from_frame
from research.market.reading.price_import import understand

CASES = Path(__file__).parent / "price_cases"
# Neither names nor numbers tell these from prices: a true range of 14 days named as a symbol, logarithms of four
# decimals or fewer, and a constant of 100, as a fund of cash may have.
UNDECIDED = {"volatility: ATR", "only log prices 6", "a constant: one", "a constant: base", "a constant: units"}
READ, OF = 135, 138  # vendors' tables that a person can read: so many of so many are read


class Seen(NamedTuple):
    """What a door made of one asset; the close is None where a market has no quotes."""

    rows: int
    first: str
    last: str
    close: float | None
    growth: float
    change: float
    volume: float | None


def by_import(path: Path, options: Mapping[str, Any]) -> dict[str, Seen]:
    """The rows that an import would keep."""
    bars, seen = understand(path, **options).bars, {}
    for i, name in enumerate(bars.assets):
        mine = np.flatnonzero(bars.asset == i)
        numbers = {field: values[mine] for field, values in bars.numbers.items()}
        close, split, paid = (numbers[field] for field in ("close", "split", "dividend"))
        level = np.cumprod(np.append(1.0, split[1:] * (close[1:] + paid[1:]) / close[:-1]))
        change = float(level[-1] / level[-2] - 1.0) if len(level) > 1 else 0.0
        volume = float(numbers["volume"][-1]) if "volume" in numbers else None
        days = (str(bars.days[mine][0]), str(bars.days[mine][-1]))
        seen[name] = Seen(len(mine), *days, float(close[-1]), float(level[-1] - 1.0), change, volume)
    return seen


def of_market(market: Market) -> dict[str, Seen]:
    """What a market has of each asset."""
    seen = {}
    for i, name in enumerate(market.assets):
        rows = np.flatnonzero(market.tradable[:, i])
        growth = float(np.prod(1.0 + market.returns[rows[0] + 1 :, i]) - 1.0)
        close = float(market.prices[rows[-1], i])
        volume = None if market.volumes is None else float(market.volumes[rows[-1], i])
        days = (str(market.days[rows[0]]), str(market.days[rows[-1]]))
        quote = None if math.isnan(close) else close
        seen[name] = Seen(len(rows), *days, quote, growth, float(market.returns[rows[-1], i]), volume)
    return seen


def seen_at(door: str, case: Case, path: Path) -> dict[str, Seen]:
    """What a door makes of a case."""
    if door == "import":
        return by_import(path, case.options)
    if door == "file":
        return of_market(market_from_file(path, cash=0.0, **case.market))
    frame = pd.read_csv(io.BytesIO(path.read_bytes()), **{"index_col": 0, "parse_dates": True, **case.read})
    return of_market(market_from_frame(frame, cash=0.0, **case.market))


def differs(seen: Seen, truth: Right) -> bool:
    """True where some value is none of the right ones."""
    near = seen.close is None or any(math.isclose(seen.close, close, rel_tol=1e-9) for close in truth.closes)
    grown = all(
        any(abs(found - wanted) <= truth.slack for wanted in right)
        for found, right in ((seen.growth, truth.growth), (seen.change, truth.change))
    )
    known = truth.volume is not None and seen.volume is not None and not math.isnan(seen.volume)
    volume = not known or math.isclose(seen.volume or 0.0, truth.volume or 0.0)
    same = (seen.rows, seen.first, seen.last) == (truth.rows, truth.first, truth.last)
    return not (same and near and grown and volume)


def is_right(seen: dict[str, Seen], case: Case) -> bool:
    """True where the assets are those of the case, with the right values."""
    truth = dict(case.truth)
    if "*" in truth and len(seen) == 1:
        truth = {next(iter(seen)): truth["*"]}
    if case.loose:
        seen = {next((name for name in truth if name in one), one): of for one, of in seen.items()}
    return seen.keys() == truth.keys() and not any(differs(seen[name], truth[name]) for name in truth)


def outcome(door: str, case: Case, folder: Path) -> str:
    """ "right", "wrong", or the refusal."""
    path = folder / case.file
    path.write_bytes(case.text if isinstance(case.text, bytes) else case.text.encode())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return "right" if is_right(seen_at(door, case, path), case) else "wrong"
        except InputError as error:
            told = [(each, str(each)) for each in error.findings]
            assert told, case.name
            assert all(each.mend and (case.file in text or "frame" in text) for each, text in told), (case.name, told)
            return f"refused: {error}"


@pytest.mark.parametrize("door", ["import", "frame", "file"])
@pytest.mark.parametrize("part", [vendors, non_prices, twins])
def test_a_table_is_read_rightly_or_refused(part: Callable[[], list[Case]], door: str, tmp_path: Path) -> None:
    found = {case.name: outcome(door, case, tmp_path) for case in part() if door in case.doors}
    must = [case.name for case in part() if door in case.must]
    assert [name for name, said in found.items() if said == "wrong" and name not in UNDECIDED] == []
    assert len(found) > 180
    refused = [f"{name}: {found[name]}" for name in must if found[name] != "right"]
    assert len(refused) <= (OF - READ if part is vendors else 0), refused
