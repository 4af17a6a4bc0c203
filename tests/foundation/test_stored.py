"""Results on disk: those of the cache that nobody used for long go, and others stay."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from foundation import stored
from foundation.private_store import UNUSED
from foundation.stored import Stored

LONG_AGO = time.time() - UNUSED - 60.0


def kept(folder: Path, name: str, age: float | None = None) -> Stored:
    """A result that was saved, and last used then."""
    made = Stored(folder, name)
    made.save({"x": np.arange(3.0)}, {})
    if age is not None:
        os.utime(made.path, (age, age))
    return made


@pytest.mark.parametrize(("is_cache", "left"), [(True, [False, True, True]), (False, [True, True, True])])
def test_results_of_the_cache_that_were_not_used_for_long_are_deleted_once_by_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_cache: bool, left: list[bool]
) -> None:
    monkeypatch.setattr(stored, "CACHE", tmp_path if is_cache else tmp_path / "another")
    folder = tmp_path / "results"
    old, used = kept(folder, "old", LONG_AGO), kept(folder, "used", LONG_AGO)
    monkeypatch.setattr(stored, "_pruned", set[Path]())
    assert used.load() is not None
    new = kept(folder, "new")
    assert [one.path.exists() for one in (old, used, new)] == left
    kept(folder, "later", LONG_AGO)
    kept(folder, "last")
    assert len([*folder.iterdir()]) == sum(left) + 2  # the folder is looked through once
