"""A result is computed once for what it reads, and again for anything else; the same to the bit."""

import os
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest

from backtests.comparison import compare
from backtests.runs import kept as module
from backtests.runs.content import shipped_digest
from backtests.runs.kept import kept
from backtests.today.from_today import futures_for
from foundation.dataclasses import dataclass
from research.allocation import FixedWeights
from research.market.reading.embedded import load_market
from research.portfolio import load_portfolio
from research.rules import Threshold

FILE = Path(__file__).parents[3] / "data" / "portfolios" / "sixty_forty.yaml"
TABLE = pd.DataFrame({"at": pd.date_range("2020-01-31", periods=3, freq="ME"), 0.5: [0.1, np.nan, 0.3]})
CALLS: list[object] = []


@dataclass(frozen=True)
class Found:
    """A result as those that are kept."""

    table: pd.DataFrame
    last: pd.Timestamp


@dataclass(frozen=True)
class Own(Threshold):
    """A class of a user's own."""


def find(of: object, more: int = 0) -> Found:
    CALLS.append(of)
    if more < 0:
        raise ValueError(more)
    return Found(TABLE * (1 if more == 0 else 2) if more else TABLE, TABLE["at"].iloc[-1])


def unpicklable(of: object) -> object:
    CALLS.append(of)
    return MappingProxyType({"one": of})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "RESULTS_KIND", str(tmp_path / "results"))
    CALLS.clear()
    return tmp_path / "results"


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("[!.]*")}


def test_what_reads_the_same_is_computed_once_and_read_to_the_bit(folder: Path) -> None:
    first, again = (kept(find, {"a": np.arange(3.0)}, more=0) for _ in range(2))
    assert len(CALLS) == len(files(folder)) == 1
    pd.testing.assert_frame_equal(first.table, again.table, check_exact=True, check_freq=True)
    assert first.last == again.last
    kept(find, {"a": np.nextafter(np.arange(3.0), 9.0)}, more=0)
    assert len(CALLS) == len(files(folder)) == 2


def test_a_class_or_function_of_a_users_own_is_asked_each_time(folder: Path) -> None:
    held = FixedWeights((0.6, 0.4))
    for of in (Own(held, band=0.02), [Own], {"costs": find}, (Threshold(held, band=0.02), Own(held, band=0.02))):
        CALLS.clear()
        kept(find, of)
        kept(find, of)
        assert len(CALLS) == 2
    assert files(folder) == set()
    kept(find, Threshold(held, band=0.02))
    assert len(files(folder)) == 1


@pytest.mark.parametrize("change", [lambda old: old[:-1], lambda old: old[:-1] + b"!", lambda old: b""])
def test_a_damaged_file_is_computed_anew(folder: Path, change) -> None:
    kept(find, 1)
    (name,) = files(folder)
    (folder / name).write_bytes(change((folder / name).read_bytes()))
    assert kept(find, 1).last == TABLE["at"].iloc[-1]
    kept(find, 1)
    assert len(CALLS) == 2


def test_nothing_is_read_where_others_may_write(folder: Path) -> None:
    kept(find, 1)
    folder.chmod(0o777)
    kept(find, 1)
    assert len(CALLS) == 2


def test_a_result_that_cannot_be_pickled_is_given_all_the_same(folder: Path) -> None:
    for _ in range(2):
        assert kept(unpicklable, 1) == {"one": 1}
    assert (len(CALLS), files(folder)) == (2, set())


def test_names_types_and_frequencies_tell_tables_apart() -> None:
    days, values = pd.date_range("2020-01-31", periods=3, freq="ME"), pd.Series([1.0, 2.0, 3.0])
    alike = [
        days, days._with_freq(None), days.rename("day"), days.as_unit("s"), values, values.rename("x"),
        values.set_axis(days), values.astype(object), values.to_frame("x"), values.to_frame("x").set_index(days),
    ]  # fmt: skip
    told = [shipped_digest(one) for one in alike]
    assert None not in told
    assert len({*told}) == len(alike)
    assert shipped_digest({"a"}) is None  # in no order


def test_an_error_is_not_kept(folder: Path) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="-1"):
            kept(find, 1, -1)
    assert (len(CALLS), files(folder)) == (2, set())


def test_a_market_counts_by_its_content_and_every_process_says_the_same() -> None:
    asked = (
        "from research.portfolio import load_portfolio; from backtests.runs.content import shipped_digest; "
        f"print(shipped_digest(load_portfolio({str(FILE)!r})))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", asked],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "12"
    }
    assert told == {f"{shipped_digest(load_portfolio(FILE))}\n"}
    market = load_market("multi_asset_daily")
    moved = market.returns.copy()
    moved[-1, 0] = np.nextafter(moved[-1, 0], 1.0)
    assert shipped_digest(market) != shipped_digest(market.with_returns(moved))


@pytest.mark.usefixtures("few_simulated_tests")
def test_other_draws_compute_no_description_anew(folder: Path) -> None:
    portfolio, found = load_portfolio(FILE), []
    for draws in (400, 401):
        made = compare(portfolio, only=["quarterly", "threshold", "never"], draws=draws)
        found.append((made.behaviour.costs, made.stress.liquidity, made.stability, made.from_today.table()))
        names = files(folder)
    costs, stress, stability, futures = (list(each) for each in zip(*found, strict=True))
    assert {name.partition("-")[0] for name in names} == {
        "behaviour_of", "stress_tests", "stability", "from_today_or_why_not",
    }  # fmt: skip
    assert len(names) == 4
    pd.testing.assert_frame_equal(costs[0].table, costs[1].table, check_exact=True)
    assert (stress[0], stability[0]) == (stress[1], stability[1])
    pd.testing.assert_frame_equal(*futures, check_exact=True)
    assert futures_for(400) == futures_for(401)
