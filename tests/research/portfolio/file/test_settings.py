"""Settings of a file are read as the types that records declare, whichever of them it states."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from foundation.files import ROOT
from research.portfolio.file import settings
from research.portfolio.file.document import read_document
from research.portfolio.file.settings import names_of, read, validated
from research.portfolio.keys.portfolio_keys import PortfolioKeys

SHIPPED = sorted((ROOT / "data" / "portfolios").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_sound_file_is_read_as_the_validator_of_all_keys_reads_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = read_document(path, known=names_of(PortfolioKeys))
    whole = validated(document, (), TypeAdapter(PortfolioKeys), document.tree)
    monkeypatch.delattr(settings, "_adapter")  # it is not made
    assert repr(read(document, (), PortfolioKeys)) == repr(whole)
