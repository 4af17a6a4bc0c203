"""A table of words as lines of text and as a block of HTML: the forms of all tables of a trade list, and of others."""

import re
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

UNBROKEN_LETTERS = 28  # letters of a name that is not broken
NEGATIVE = re.compile(r"(?<![\w.)\]])-(?=\d)")  # the hyphen before a number, after neither a word nor a number


class Column(NamedTuple):
    """A column of a table.

    title : title of the column.
    unit  : unit below the title, or "".
    cells : text of each row.
    words : true if the column is set left, as words are.
    """

    title: str
    unit: str
    cells: Sequence[str]
    words: bool = False


def text_rows(columns: Sequence[Column]) -> list[str]:
    """The table as lines of equal columns: titles, units, rows."""
    padded = []
    for column in columns:
        whole = (column.title, column.unit, *column.cells)
        width = max(map(len, whole))
        padded.append([cell.ljust(width) if column.words else cell.rjust(width) for cell in whole])
    return ["  ".join(row).rstrip() for row in zip(*padded, strict=True)]


def html_table(css: str, caption: str, columns: Sequence[Column]) -> str:
    """The table as HTML with its caption, in a region that scrolls where it is too wide.

    css     : class of the table.
    caption : caption above the table, and name of the region.
    columns : columns; the first one names the rows.
    """
    kinds = [' class="words"' if column.words else "" for column in columns]
    heads = []
    for column, kind in zip(columns, kinds, strict=True):
        unit = f" <small>{escape(column.unit)}</small>" if column.unit else ""
        cell = 'th scope="col"' if column.title else "td"  # a reader of a screen says nothing of a head without words
        heads.append(f"<{cell}{kind}>{escape(column.title)}{unit}</{cell[:2]}>")
    rows = []
    for name, *cells in zip(*(column.cells for column in columns), strict=True):
        first = f'<th scope="row" class="words{" nowrap" if len(name) < UNBROKEN_LETTERS else ""}">{escape(name)}</th>'
        rest = (f"<td{kind}>{escape(words)}</td>" for words, kind in zip(cells, kinds[1:], strict=True))
        rows.append(f"<tr>{first}{''.join(rest)}</tr>")
    parts = (
        f'<p class="caption">{escape(caption)}</p>',
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">',
        f'<table class="{css}">',
        f"<thead><tr>{''.join(heads)}</tr></thead>",
        "<tbody>",
        *rows,
        "</tbody>",
        "</table>",
        "</div>",
    )
    return "\n".join(parts)


def with_minus(text: str) -> str:
    """Text whose negative numbers have the minus sign; dates, ranges and names keep their hyphens.

    >>> with_minus("of 2022-12-29: -250.25 (-90 %), 5-year")
    'of 2022-12-29: −250.25 (−90 %), 5-year'
    """
    return NEGATIVE.sub("−", text)
