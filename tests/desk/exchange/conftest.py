"""Desks made by hand, and tickets of them that are about to be sent on paper."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from alpaca_server import KEYS
from binance_server import KEY, SECRET
from by_hand import desk, desks, evil, two
from executed import BadLine, Case, Cases
from journals import journal
from kraken_server import KRAKEN_KEY, KRAKEN_SECRET

from desk.journal import Journal

__all__ = ["desk", "desks", "evil", "journal", "two"]


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of the servers of this machine."""
    keys = {name.replace("-", "_"): key for name, key in KEYS.items()}
    keys |= {"BINANCE_API_KEY": KEY, "BINANCE_API_SECRET": SECRET}
    for name, key in (keys | {"KRAKEN_API_KEY": KRAKEN_KEY, "KRAKEN_API_SECRET": KRAKEN_SECRET}).items():
        monkeypatch.setenv(name, key)


@pytest.fixture
def case_of(journal: Journal, tmp_path: Path) -> Iterator[Cases]:
    """A case of any document. kind, how : class and settings of its venue. folder : of the venue, in the journal's."""
    with ExitStack() as opened:

        def made(document: dict[str, Any], kind: Any = BadLine, folder: str = "", quotes: str = "", **how: Any) -> Case:
            if quotes:
                how["quotes"] = tmp_path / "quotes.csv"
                how["quotes"].write_text(quotes)
            return Case(
                document, journal, opened.enter_context(kind.for_ticket(document, folder=tmp_path / folder, **how))
            )

        yield made


@pytest.fixture
def case(document: dict[str, Any], case_of: Cases) -> Case:
    """The case of the `document` of a file of tests."""
    return case_of(document)
