"""Values of a notebook: recorded as scrapbook records them, read from the file without executing it."""

import json
from pathlib import Path
from typing import Any

import IPython.display
import pytest

from backtests.runs.values import MIME, read_values, record, values_table
from foundation.errors import ConfigError, DataError


def notebook(path: Path, outputs: list[dict[str, Any]], metadata: dict[str, Any] | None = None) -> Path:
    path.parent.mkdir(exist_ok=True)
    cells = [{"cell_type": "markdown", "source": "x"}, {"cell_type": "code", "outputs": outputs}]
    path.write_text(json.dumps({"cells": cells, "metadata": metadata or {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def scrap(name: str, data: object, encoder: str = "json") -> dict[str, Any]:
    """An output as scrapbook's `glue` writes it: its schema, version 1."""
    content = {"name": name, "data": data, "encoder": encoder, "version": 1}
    return {"output_type": "display_data", "data": {f"application/scrapbook.scrap.{encoder}+json": content}}


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a notebook would show."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(
        IPython.display,
        "display",
        lambda data, metadata, raw: found.append({"output_type": "display_data", "data": data, "metadata": metadata}),
    )
    return found


def test_what_is_recorded_is_read_back(tmp_path: Path, shown: list[dict[str, Any]]) -> None:
    values = {"recommended": "tuned", "growth": 0.07, "orders": 3, "holds": False, "weights": {"SPY": [0.6, 0.4]}}
    record(**values, cost=float("nan"), loss=None)
    assert read_values(notebook(tmp_path / "x" / "n.ipynb", shown)) == values
    assert shown[0]["data"] == {MIME: {"name": "recommended", "data": "tuned", "encoder": "json", "version": 1}}
    assert shown[0]["metadata"] == {"scrapbook": {"name": "recommended", "data": True, "display": False}}


def test_what_is_no_plain_value_is_refused(shown: list[dict[str, Any]]) -> None:
    with pytest.raises(ConfigError, match="value path to be recorded is PosixPath"):
        record(path=Path("x"))
    assert shown == []


def test_values_of_scrapbook_itself_are_read_and_the_last_of_a_name_counts(tmp_path: Path) -> None:
    outputs = [scrap("a", 1), scrap("b", "text", "text"), scrap("c", "UEsD", "arrow"), scrap("a", 2), {"data": {}}]
    assert read_values(notebook(tmp_path / "x" / "n.ipynb", outputs)) == {"a": 2, "b": "text"}


def test_the_words_with_which_a_notebook_ends_are_its_answer(tmp_path: Path) -> None:
    ends = [{"data": {"text/markdown": ["**Sell** ", "SPY."], "text/plain": ["<Markdown>"]}}]
    assert read_values(notebook(tmp_path / "x" / "n.ipynb", ends)) == {"answer": "Sell SPY."}
    assert read_values(notebook(tmp_path / "x" / "n.ipynb", [scrap("answer", "x"), *ends])) == {"answer": "x"}


def test_values_in_the_metadata_outlive_the_outputs(tmp_path: Path) -> None:
    kept = {"rebalance": {"values": {"a": 1, "b": 2}}}
    assert read_values(notebook(tmp_path / "x" / "n.ipynb", [], kept)) == {"a": 1, "b": 2}
    assert read_values(notebook(tmp_path / "x" / "n.ipynb", [scrap("a", 5)], kept)) == {"a": 5, "b": 2}


def test_a_folder_of_runs_is_a_table(tmp_path: Path) -> None:
    notebook(tmp_path / "one" / "n.ipynb", [scrap("a", 1)])
    notebook(tmp_path / "two" / "n.ipynb", [scrap("a", 2), scrap("b", "x")])
    notebook(tmp_path / "two" / "without.ipynb", [])
    notebook(tmp_path / ".two.partial" / "n.ipynb", [scrap("a", 9)])
    table = values_table(tmp_path)
    assert table.columns.tolist() == ["run", "notebook", "a", "b"]
    assert table["run"].tolist() == ["one", "two"]
    assert table["a"].tolist() == [1, 2]
    assert values_table(tmp_path, "absent").empty
    with pytest.raises(DataError, match="there is no folder"):
        values_table(tmp_path / "absent")


@pytest.mark.parametrize("content", ["", "[]", '{"cells": 3, "metadata": {}}', '{"cells": []}'])
def test_what_is_no_notebook_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "n.ipynb").write_text(content)
    with pytest.raises(DataError, match=r"n\.ipynb is no notebook"):
        read_values(tmp_path / "n.ipynb")
