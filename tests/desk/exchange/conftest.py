"""Desks made by hand, and tickets of them that are about to be sent on paper."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from by_hand import desk, desks, evil, two
from executed import BadLine, Case, Cases

from desk.journal import Journal

__all__ = ["desk", "desks", "evil", "two"]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path, user="anna") as opened:
        yield opened


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
