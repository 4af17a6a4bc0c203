"""The four parts of a sheet as Markdown (CommonMark with the tables of GitHub), for a mail or a chat.

It is made from the same blocks as the page, so that no sentence and no figure is written twice.
"""

import re
from collections.abc import Iterable, Sequence

from backtests.sheets.parts import FilledTemplate, Part, Words
from backtests.sheets.tables import Block
from foundation.paper.picture import Picture
from foundation.paper.wording import percent

SPECIAL = re.compile(r"[\\`*<|~]|&(?=[#\w]+;)|\](?=[(\[:])|(?<!\w)_|_(?!\w)")  # what Markdown reads as something else
OPENING = re.compile(r"^(\d*)([-+>#=\[]|(?<=\d)[.)])")  # what would begin a list, a heading, a quotation, a reference


def summary_markdown(sheet: Block) -> str:
    """The four parts of a sheet: the decision with its warnings, the policies that matter, risk, and trades."""
    blocks = [
        f"# {plain(sheet['title'])}",
        plain(sheet["subtitle"]),
        plain(sheet["heading"]),
        f"**{plain(sheet['verdict'])}**",
        *map(plain, sheet["beside"]),
        *map(_table, sheet["figures"]),
        bullets(f"**{plain(reason['name'])}**: {plain(reason['words'])}" for reason in sheet["reasons"]),
        "## Warnings",
        bullets(map(plain, sheet["warnings"])) or "No warnings.",
        *(block for each in sheet["front"] for block in (f"## {plain(each['title'])}", *map(_part, each["parts"]))),
        "## This run",
        bullets(f"**{plain(fact['name'])}**: {plain(fact['words'])}" for fact in sheet["facts"]),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def plain(text: str) -> str:
    """Text in which Markdown finds nothing but text, on one line.

    >>> print(plain("hrp_threshold | *x* <b> [0.1, 0.2]"))
    hrp_threshold \\| \\*x\\* \\<b> [0.1, 0.2]
    """
    return OPENING.sub(r"\1\\\2", cell(text))


def cell(text: str) -> str:
    """The same within a line, such as a cell of a table, where no list or heading can begin.

    >>> print(cell("7.73 | *"))
    7.73 \\| \\*
    """
    return SPECIAL.sub(r"\\\g<0>", " ".join(text.split()))


def bullets(items: Iterable[str]) -> str:
    """A list, an item a line. items : Markdown."""
    return "\n".join(f"- {item}" for item in items)


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]], words: Sequence[int] = (0,)) -> str:
    """A table of GitHub's Markdown.

    heads : heads of the columns.
    rows  : cells of each row.
    words : numbers of the columns set left; the others are set right.
    """
    marks = ["---" if k in words else "--:" for k in range(len(heads))]
    lines = [list(map(cell, heads)), marks, *(list(map(cell, row)) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _part(part: Part) -> str:
    """A part of the page as Markdown; "" for what is folded there."""
    if isinstance(part, Words):
        return plain(part.text)
    if isinstance(part, Picture):
        return _picture(part)
    if isinstance(part, FilledTemplate):
        return _policies(part.content)
    return _table(part) if isinstance(part, dict) else ""


def _table(table: Block) -> str:
    heads = [f"{head['words']} ({head['unit']})" if head["unit"] else head["words"] for head in table["heads"]]
    words = [k for k, left in enumerate(table["text"]) if left] or [0]
    return markdown_table(heads, [row["cells"] for row in table["rows"]], words)


def _picture(picture: Picture) -> str:
    """The fractions behind a picture, below its caption."""
    rows = [[cell if isinstance(cell, str) else percent(cell) for cell in row] for row in picture.data.to_numpy()]
    return f"{plain(picture.caption)}\n\n{markdown_table(list(map(str, picture.data)), rows, [0, 1])}"


def _policies(shown: Block) -> str:
    """The table of the policies that matter, a column a policy, each figure with its interval."""
    heads = [shown["words"], *(f"{column['name']} {column['mark']}".strip() for column in shown["columns"])]
    rows = [
        [f"{row['label']} {row['unit']}".strip(), *(" ".join([cell["words"], *cell["below"]]) for cell in row["cells"])]
        for group in shown["groups"]
        for row in group["rows"]
    ]
    return markdown_table(heads, rows)
