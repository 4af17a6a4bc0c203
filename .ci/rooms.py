"""Draw docs/assets/rooms.svg, the rooms and who may import whom, from the contracts in pyproject.toml.

    python .ci/rooms.py

A test fails where the picture is not that of today's contracts.
"""

import textwrap
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "assets" / "rooms.svg"
WORDS = {
    "cli": "the command line",
    "service": "answers, pages and tools over HTTP",
    "cycle": "watch, weigh, decide, record",
    "commands": "what a command does",
    "language": "prose and news, by models",
    "tca": "what orders cost",
    "exchange": "venues, sending, fills",
    "journal": "what was done, chained",
    "tickets": "orders to approve and send",
    "sheets": "pictures, sections, pages",
    "studies": "audits, forecasts, 73 markets",
    "comparison": "compare, tune, recommend",
    "sweeps": "plans, executors, store",
    "laboratory": "known optima",
    "today": "risk and plan of today's holdings",
    "attribution": "where a difference came from",
    "batch": "many configurations at once",
    "inference": "intervals and tests",
    "evaluation": "metrics and scores",
    "engine": "play one policy",
    "runs": "a run's folder",
    "views": "the door to pages",
    "orders": "from a decision to orders",
    "portfolio": "a desk's file",
    "learning": "rules that are learned",
    "rules": "when and how far to trade",
    "allocation": "what to hold",
    "forecast": "moments, regimes, views",
    "risk": "measures, simulated markets",
    "accounting": "costs, the self-financing step",
    "market": "prices, calendars, the past",
    "paper": "words, tables, SVG, charts",
    "table_files": "the door for tables",
    "compiled": "kept machine code",
    "arguments": "checks of arguments",
}
ROW, WIDE, GAP, SIDE, TOP, SPACE = 40, 380, 10, 20, 64, 60


def layers(package: str) -> list[list[str]]:
    """The rooms of a package from the top down; those of one layer together."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    found = next(contract["layers"] for contract in contracts if contract.get("containers") == [package])
    split = [layer.replace("|", ":").split(":") for layer in found]
    return [[room.strip() for room in layer] for layer in split]


def column(package: str, left: float, top: float, fill: str, title: str) -> list[str]:
    """One package: a box a layer of rooms, above what it may import."""
    shown = [f'<text x="{left}" y="{top - 24:g}" class="title">{title}</text>']
    for row, rooms in enumerate(layers(package)):
        y = top + row * (ROW + GAP)
        shown.append(f'<rect x="{left}" y="{y:g}" width="{WIDE}" height="{ROW}" rx="5" fill="{fill}"/>')
        if len(rooms) == 1:
            words = f'<tspan class="room">{rooms[0]}</tspan><tspan dx="10">{WORDS.get(rooms[0], "")}</tspan>'
            shown.append(f'<text x="{left + 12}" y="{y + 25:g}">{words}</text>')
        else:
            lines = textwrap.wrap(", ".join(rooms), 56)
            first = y + 25 - 8 * (len(lines) - 1)
            for k, line in enumerate(lines):
                shown.append(f'<text x="{left + 12}" y="{first + 16 * k:g}" font-size="11" class="room">{line}</text>')
    return shown


def svg() -> str:
    """The picture."""
    right, far = SIDE + WIDE + SPACE, SIDE + 2 * (WIDE + SPACE)
    below = TOP + (len(layers("desk")) + 2) * (ROW + GAP)
    rows = max(len(layers("backtests")), len(layers("research")), len(layers("desk")) + 2 + len(layers("foundation")))
    height, width, middle = TOP + rows * (ROW + GAP) + 50, 3 * WIDE + 2 * SPACE + 2 * SIDE, TOP + 1.5 * (ROW + GAP)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
            'font-size="13" fill="#1b1d21">',
            "<style>.title{font-size:17px;font-weight:bold}.room{font-family:monospace;font-weight:bold}</style>",
            f'<rect width="{width}" height="{height}" rx="8" fill="#fffefb"/>',
            *column("desk", SIDE, TOP, "#f3e1e1", "desk/ acts"),
            *column("foundation", SIDE, below, "#e6ebe2", "foundation/ knows no market"),
            *column("backtests", right, TOP, "#e3eef7", "backtests/ judges"),
            *column("research", far, TOP, "#f4ead9", "research/ decides"),
            '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
            '<path d="M0 0L8 4L0 8Z"/></marker></defs>',
            *(
                f'<path d="M{x + 8} {middle}H{x + SPACE - 8}" stroke="#1b1d21" stroke-width="1.5" '
                'marker-end="url(#a)"/>'
                for x in (SIDE + WIDE, right + WIDE)
            ),
            f'<text x="{SIDE}" y="{height - 18}">A room imports only rooms below it, a package only those that its '
            "arrows reach, and all import foundation. pyproject.toml has the contracts, and CI fails where one is "
            "broken.</text>",
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    PICTURE.write_text(svg())
