"""Tables, sentences and warnings for a terminal: aligned columns, and lines that fit."""

import textwrap
from collections.abc import Iterable, Sequence

from foundation.paper.wording import NARROW_SPACE

TEXT_WIDTH = 110  # columns of a terminal
COLON_COMMAND = ": rebalance "  # before a command that ends a sentence
LEAST_LETTERS = 12  # letters of a name that are kept, however wide the rest of its row


def text_table(
    rows: Sequence[Sequence[str]], *, left: int = 0, last_left: bool = False, width: int | None = TEXT_WIDTH
) -> str:
    """Rows of cells in aligned columns, separated by two spaces.

    rows      : rows with one number of cells.
    left      : number of first columns set left; the others are set right.
    last_left : true if the last column is set left too, as words are.
    width     : names in the first column are cut where a row would be wider; None cuts nothing.

    >>> print(text_table([["policy", "loss"], ["monthly", "12.5"]], left=1))
    policy   loss
    monthly  12.5
    """
    if width is not None:
        longest = width - 2 * len(rows[0]) - sum(max(len(r[c]) for r in rows) for c in range(1, len(rows[0])))
        rows = [[_cut(row[0], max(longest, LEAST_LETTERS)), *row[1:]] for row in rows]
    widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
    is_left = [c < left or (last_left and c == len(widths) - 1) for c in range(len(widths))]
    lines = (
        "  ".join(
            cell.ljust(w) if at_left else cell.rjust(w) for cell, w, at_left in zip(row, widths, is_left, strict=True)
        )
        for row in rows
    )
    return "\n".join(map(str.rstrip, lines))


def _cut(name: str, longest: int) -> str:
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def wrapped(line: str, width: int = TEXT_WIDTH) -> str:
    """A sentence wrapped into lines of `width` columns; a line that fits, such as a table's row, is left as it is.

    A command that ends the sentence has a line of its own, whole, so that it can be copied.

    >>> print(wrapped("The list of the day before is too old, and nothing of it is sent. Make the list anew: "
    ...     "rebalance trades desk.yaml "
    ...     "--as-of 2022-12-29 --out tonight.json"))
    The list of the day before is too old, and nothing of it is sent. Make the list anew:
    rebalance trades desk.yaml --as-of 2022-12-29 --out tonight.json
    """
    text, mark, command = line.rpartition(COLON_COMMAND)
    if len(line) <= width:
        return line
    if not mark or ". " in command:
        return "\n".join(text_lines(line, width))
    return "\n".join(text_lines(f"{text}:", width)) + f"\n{COLON_COMMAND[2:]}{command}"


def text_lines(text: str, width: int) -> list[str]:
    """Text as lines of `width` columns; a number and its per cent sign are on one line.

    >>> text_lines("Turnover is 4.85 % of NAV.", 17)
    ['Turnover is', '4.85 % of NAV.']
    """
    lines = textwrap.wrap(text.replace(" %", NARROW_SPACE + "%"), width)
    return [line.replace(NARROW_SPACE, " ") for line in lines]


def warnings_text(warnings: Iterable[str]) -> str:
    """Warnings as the paragraph below a result, or nothing where there are none.

    >>> warnings_text(["Cash earns nothing."]), warnings_text([])
    ('\\n\\nWarning: Cash earns nothing.', '')
    """
    text = "\n".join(wrapped(f"Warning: {warning}") for warning in warnings)
    return f"\n\n{text}" if text else ""
