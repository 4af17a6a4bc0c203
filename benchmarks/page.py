"""Write the tables of docs/performance.md from benchmarks/record.json, which has those of the runs that were recorded.

    python -m benchmarks.page [NAME ...]

Tables of the benchmarks named are first taken from `.cache/benchmarks` into the record. A test fails where the page is
not what the record gives.
"""

import ast
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.timing import AIMS_HEAD, AIMS_TITLE, FOLDER

HERE = Path(__file__).parent
RECORD, PAGE = HERE / "record.json", HERE.parent / "docs" / "performance.md"
MARK = "<!-- Written by `python -m benchmarks.page`: edit above this line alone. -->\n"
KEEPS = re.compile(r"^ +keep\(", re.MULTILINE)

Record = Mapping[str, Mapping[str, Any]]


def page(text: str, record: Record, questions: Mapping[str, str]) -> str:
    """The text of the page: what stands above the mark, then the ratios of all benchmarks, and all other tables.

    record    : benchmark -> date, machine, versions and tables.
    questions : benchmark -> what it asks, of all that there are; those without a record are named.
    """
    above = text.partition(MARK)[0]
    return above + MARK + "\n" + "\n".join(_lines(record, questions))


def _lines(record: Record, questions: Mapping[str, str]) -> Iterator[str]:
    ratios = [(name, table) for name, of in record.items() for table in of["tables"] if table["title"] == AIMS_TITLE]
    yield from (f"## {AIMS_TITLE}", "")
    rows = [[*row, f"[{name}](#{name})"] for name, table in ratios for row in table["rows"]]
    yield from _table([*AIMS_HEAD, "benchmark"], rows)
    for name, of in record.items():
        yield from (f"## {name}", "", questions.get(name, ""), "")
        yield from (f"{of['date']}; {of['machine']}; {of['versions']}.", "")
        for table in (each for each in of["tables"] if each["title"] != AIMS_TITLE):
            yield from (f"**{_cell(table['title'])}**", "")
            yield from _table(table["head"], table["rows"])
            yield from (line for note in table["notes"] for line in (_cell(note), ""))
    yield from ("## Not in this record", "")
    yield from _table(
        ["benchmark", ""], [[f"`{name}`", asks] for name, asks in questions.items() if name not in record]
    )


def _table(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield from (_row(head), _row(["---", *["---:"] * (len(head) - 1)]), *map(_row, rows), "")


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    return re.sub(r"(?<=\d)%", " %", text).replace("|", "\\|")


def asked() -> dict[str, str]:
    """The first line of the docstring of each benchmark that keeps its tables."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(HERE.glob("*.py"))}
    found = {name: ast.get_docstring(ast.parse(text)) or "" for name, text in texts.items() if KEEPS.search(text)}
    return {name: text.partition("\n")[0] for name, text in found.items()}


def main(*names: str) -> None:
    """Take tables into the record, and write the page."""
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    for name in names:
        run = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
        record[name] = {key: run[key] for key in ("date", "machine", "versions", "tables")}
    record = dict(sorted(record.items()))
    RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), record, asked()), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
