"""The tables at the end of docs/data.md are those of the code that reads the keys and finds the defects."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_tables_of_the_page_on_data_are_those_of_the_code() -> None:
    script = runpy.run_path(str(ROOT / ".ci" / "data_page.py"))
    text = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    assert text == script["page"](text), "run `python .ci/data_page.py`"
