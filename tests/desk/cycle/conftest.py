"""Desks made by hand, and a home of its own for the journal, the books and the records of a test."""

from pathlib import Path

import pytest
from by_hand import desk

__all__ = ["desk", "home"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
