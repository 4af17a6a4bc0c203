"""Target paths on disk: taken again when nothing changed, computed anew when anything did or the file is damaged."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

import foundation.stored
from research.allocation import (
    HRP,
    ConstantExposure,
    EqualWeights,
    FunctionAllocation,
    InverseVolatility,
    MeanVariance,
    VolatilityTarget,
    kept_paths,
    kept_target_path,
    target_path,
)
from research.allocation.kept_paths import settings_of
from research.forecast import Estimated, MarketCap

HELD = VolatilityTarget(MeanVariance(forecast=Estimated(window=60), upper={"A00": 0.3, "A01": 0.5}), 0.1, lookback=20)


@pytest.fixture
def asked(monkeypatch):
    """The allocations of which a path was computed."""
    found = []

    def counted(allocation, market, start=0):
        found.append(allocation)
        return target_path(allocation, market, start)

    monkeypatch.setattr(kept_paths, "target_path", counted)
    return found


def same(one, other):
    equal = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("rows", "row", "seen"))
    return equal and [repr(a) for a in one.answers] == [repr(a) for a in other.answers] and repr(one) == repr(other)


def test_the_second_time_a_path_is_read_with_its_reasons(noisy, tmp_path, asked):
    first, second = (kept_target_path(replace(HELD), noisy, 70, tmp_path) for _ in range(2))
    assert asked == [HELD]
    assert same(first, second)
    assert same(second, target_path(HELD, noisy, 70))
    assert second.answers[3].binding == first.answers[3].binding != ()
    assert not second.rows.flags.writeable


def test_numbers_of_numpy_are_kept_like_others(noisy, tmp_path, asked):
    kept = kept_target_path(HRP(window=np.int64(60)), noisy, 70, tmp_path)
    assert np.array_equal(kept.rows, kept_target_path(HRP(window=60), noisy, 70, tmp_path).rows)
    kept_target_path(ConstantExposure(HRP(window=60), np.float32(0.5)), noisy, 70, tmp_path)
    kept_target_path(ConstantExposure(HRP(window=60), 0.5), noisy, 70, tmp_path)
    assert len(asked) == 2


def test_the_library_that_decides_the_days_of_refits_is_part_of_the_name(noisy, tmp_path, asked, monkeypatch):
    kept_target_path(HELD, noisy, 70, tmp_path)
    known = kept_paths.installed_versions
    monkeypatch.setattr(kept_paths, "installed_versions", lambda names: known(names) | {"exchange_calendars": "0"})
    kept_target_path(HELD, noisy, 70, tmp_path)
    assert len(asked) == 2


def test_whatever_a_path_depends_on_gives_it_a_place_of_its_own(noisy, tmp_path, asked, monkeypatch):
    kept_target_path(HELD, noisy, 70, tmp_path)
    others = [
        (replace(HELD, volatility=0.11), noisy, 70),
        (replace(HELD, allocation=replace(HELD.allocation, upper=0.5)), noisy, 70),
        (replace(HELD, allocation=InverseVolatility(60)), noisy, 70),
        (HELD, noisy.until(noisy.dates[-2]), 70),
        (HELD, noisy, 71),
    ]
    for other in others:
        kept_target_path(*other, tmp_path)
    monkeypatch.setattr(foundation.stored, "sources_digest", lambda packages: b"edited code")
    kept_target_path(HELD, noisy, 70, tmp_path)
    assert len(asked) == 2 + len(others) == len(list(tmp_path.iterdir()))


@pytest.mark.parametrize("damage", ["cut", "turned", "emptied", "text"])
def test_a_damaged_file_is_computed_anew_and_replaced(noisy, tmp_path, asked, damage):
    wanted = kept_target_path(HELD, noisy, 70, tmp_path)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    turned = bytearray(whole)
    turned[-5] ^= 255
    file.write_bytes({"cut": whole[:-9], "turned": bytes(turned), "emptied": b"", "text": b"hello" * 99}[damage])
    assert same(kept_target_path(HELD, noisy, 70, tmp_path), wanted)
    kept_target_path(HELD, noisy, 70, tmp_path)
    assert len(asked) == 2


@dataclass(frozen=True)
class Own(HRP):
    """A class of somebody else's may read a file."""


@pytest.mark.parametrize(
    "allocation",
    [FunctionAllocation(np.mean, window=60), Own(window=60), ConstantExposure(Own(window=60), 0.5), EqualWeights()],
    ids=["function", "own", "own within", "without estimate"],
)
def test_what_its_settings_do_not_determine_or_what_costs_nothing_is_not_kept(noisy, tmp_path, asked, allocation):
    assert (settings_of(allocation) is None) == (allocation != EqualWeights())
    if not isinstance(allocation, FunctionAllocation):
        kept_target_path(allocation, noisy, 70, tmp_path)
        assert asked == [allocation]
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_costs_only_the_time(noisy, tmp_path):
    (tmp_path / "file").write_text("")
    assert same(kept_target_path(HELD, noisy, 70, tmp_path / "file" / "below"), target_path(HELD, noisy, 70))


def test_a_forecast_keeps_the_name_that_entries_of_forecast_books_have() -> None:
    """Books were written when the module was `research.forecast.equilibrium`."""
    assert settings_of(MarketCap())[0] == "research.forecast.equilibrium.MarketCap"
