"""The first screen of a sheet as Markdown (CommonMark with the tables of GitHub), for a mail or a chat.

It is made from the same blocks as the page, so that no sentence and no figure is written twice.
"""

import re
from collections.abc import Iterable, Sequence

from backtests.sheets.parts import Block
from research.orders import TradeList

SPECIAL = re.compile(r"[\\`*<|~]|&(?=[#\w]+;)|\](?=[(\[:])|(?<!\w)_|_(?!\w)")  # what Markdown reads as something else
OPENING = re.compile(r"^(\d*)([-+>#=\[]|(?<=\d)[.)])")  # what would begin a list, a heading, a quotation, a reference


def summary_markdown(sheet: Block) -> str:
    """The decision, five figures of the policy, the trades of the day, the policies and the warnings of a sheet."""
    chosen = sheet["columns"][0]["name"]
    blocks = [
        f"# {plain(sheet['title'])}",
        plain(sheet["subtitle"]),
        plain(sheet["heading"]),
        f"**{plain(sheet['verdict'])}**",
        _decision(sheet["figures"]),
        bullets(f"**{plain(reason['name'])}**: {plain(reason['words'])}" for reason in sheet["reasons"]),
        f"## Five figures of {plain(chosen)}",
        _headline(sheet),
        *_trades(sheet["trades"]),
        "## Policies",
        _policies(sheet),
        "## Warnings",
        bullets(map(plain, sheet["warnings"])) or "No warnings.",
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


def grid(heads: Sequence[str], rows: Iterable[Sequence[str]], words: Sequence[int] = (0,)) -> str:
    """A table of GitHub's Markdown.

    heads : heads of the columns.
    rows  : cells of each row.
    words : numbers of the columns set left; the others are set right.
    """
    marks = ["---" if k in words else "--:" for k in range(len(heads))]
    lines = [list(map(cell, heads)), marks, *(list(map(cell, row)) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _titled(words: str, unit: str) -> str:
    return f"{words} ({unit})" if unit else words


def _decision(figures: Block | None) -> str:
    """The decision in figures, as on the page; "" where none is taken."""
    if figures is None:
        return ""
    return grid([head["words"] for head in figures["heads"]], [row["cells"] for row in figures["rows"]])


def _headline(sheet: Block) -> str:
    """The five figures of the first policy, with their intervals and the figures that they are compared with."""
    rows = [
        [
            _titled(figure["label"], figure["unit"]),
            figure["words"],
            _titled(figure["interval"], figure["kind"]) if figure["interval"] else "",
            figure["beside"],
        ]
        for figure in sheet["headline"]
    ]
    return grid(["figure", "value", "95 % interval", "compared with"], rows, words=(0, 2, 3))


def _trades(trades: TradeList | None) -> list[str]:
    if trades is None:
        return []
    heads, rows = trades.order_cells()
    texts = [k for k, (words, _) in enumerate(heads) if words in ("asset", "side", "reason")]
    orders = [grid([_titled(*head) for head in heads], rows, texts)] if rows else []
    return [f"## Trades at {trades.content.prices}", plain(trades.headline), *orders]


def _policies(sheet: Block) -> str:
    """A row a policy: its rule, and the five figures of the first screen."""
    labels = [figure["label"] for figure in sheet["headline"]]
    found = {row["label"]: row for group in sheet["groups"] for row in group["rows"]}
    shown = [found[label] for label in labels if label in found]
    rows = [
        [column["name"], column["rule"], column["mark"], *(row["cells"][k]["words"] for row in shown)]
        for k, column in enumerate(sheet["columns"])
    ]
    heads = ["policy", "rule", "", *(_titled(row["label"], row["unit"]) for row in shown)]
    return grid(heads, rows, words=(0, 1, 2))
