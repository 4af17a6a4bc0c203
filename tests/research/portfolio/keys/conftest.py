"""Portfolio files whose market and facts are those of stores."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from foundation.home import STORES
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.file.known_on import BOOKS_KNOWN_ON, KNOWN_ON


@pytest.fixture
def stores(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stores of the test's own: a copy of those that its module keeps."""
    monkeypatch.delenv(KNOWN_ON, raising=False)
    monkeypatch.delenv(BOOKS_KNOWN_ON, raising=False)
    monkeypatch.setenv(STORES, str(tmp_path / "stores"))
    return Path(shutil.copytree(kept, tmp_path / "stores"))


@pytest.fixture
def load_text(stores: Path, tmp_path: Path) -> Callable[..., Portfolio]:
    """Loads a text as `desk.yaml` beside the stores, with pieces of it changed."""

    def loaded(text: str, **changed: str) -> Portfolio:
        for old, new in changed.items():
            assert old in text, f"nothing to change: {old!r}"
            text = text.replace(old, new, 1)
        (tmp_path / "desk.yaml").write_text(text, encoding="utf-8")
        return load_portfolio(tmp_path / "desk.yaml")

    return loaded
