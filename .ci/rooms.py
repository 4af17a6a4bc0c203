"""Draw docs/assets/rooms.svg, the rooms and who may import whom, from the contracts in pyproject.toml.

    python .ci/rooms.py

A test fails where the picture is not that of today's contracts.
"""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "assets" / "rooms.svg"
WORDS = {
    "cli": "the command line",
    "commands": "what a command does",
    "pages": "HTML, text and notebook views",
    "figures": "data to SVG",
    "real_markets": "the study of 73 cases",
    "audits": "look-ahead, exposure",
    "comparison": "compare, tune, recommend",
    "sweeps": "plans, executors, store",
    "learned": "results of learned policies",
    "batch": "many configurations at once",
    "laboratory": "known optima",
    "evaluation": "metrics, evidence, tables",
    "engine": "play one policy",
    "runs": "a run's folder",
    "trading": "from a decision to orders",
    "portfolio": "a desk's file",
    "learning": "rules that are learned",
    "rules": "when and how far to trade",
    "allocation": "what to hold",
    "forecast": "regimes",
    "risk": "measures, simulated markets",
    "accounting": "costs, the self-financing step",
    "market": "prices, calendars, the past",
    "arguments": "checks at the door",
    "arrays": "types of arrays",
    "views": "the door to pages",
    "wording": "numbers as text",
}
ROW, WIDE, GAP, SIDE, TOP = 40, 420, 10, 20, 64


def layers(package: str) -> list[list[str]]:
    """The rooms of a package from the top down; those of one layer together."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    found = next(contract["layers"] for contract in contracts if contract.get("containers") == [package])
    split = [layer.replace("|", ":").split(":") for layer in found]
    return [[room.strip() for room in layer] for layer in split]


def column(package: str, left: float, fill: str, title: str) -> list[str]:
    """One package: a box a room, above what it may import."""
    shown = [f'<text x="{left}" y="40" class="title">{title}</text>']
    for row, rooms in enumerate(layers(package)):
        width = (WIDE - GAP * (len(rooms) - 1)) / len(rooms)
        y = TOP + row * (ROW + GAP)
        for k, room in enumerate(rooms):
            x = left + k * (width + GAP)
            shown.append(f'<rect x="{x:g}" y="{y}" width="{width:g}" height="{ROW}" rx="5" fill="{fill}"/>')
            words = WORDS.get(room, "")
            name = f'<tspan class="room">{room}</tspan>'
            if len(rooms) == 1 and words:
                shown.append(f'<text x="{x + 12:g}" y="{y + 25}">{name}<tspan dx="10">{words}</tspan></text>')
            elif len(rooms) == 2:
                shown.append(f'<text x="{x + 12:g}" y="{y + 17}">{name}</text>')
                shown.append(f'<text x="{x + 12:g}" y="{y + 33}">{words}</text>')
            else:
                shown.append(f'<text x="{x + 12:g}" y="{y + 25}">{name}</text>')
    return shown


def svg() -> str:
    """The picture."""
    rows = max(len(layers("research")), len(layers("backtests")))
    height, width = TOP + rows * (ROW + GAP) + 50, 2 * WIDE + 100
    right, middle = SIDE + WIDE + 60, TOP + 3 * (ROW + GAP)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
            'font-size="13" fill="#1b1d21">',
            "<style>.title{font-size:17px;font-weight:bold}.room{font-family:monospace;font-weight:bold}</style>",
            f'<rect width="{width}" height="{height}" rx="8" fill="#fffefb"/>',
            *column("backtests", SIDE, "#e3eef7", "backtests/ judges"),
            *column("research", right, "#f4ead9", "research/ decides"),
            '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
            '<path d="M0 0L8 4L0 8Z"/></marker></defs>',
            f'<path d="M{SIDE + WIDE + 8} {middle}H{right - 8}" stroke="#1b1d21" stroke-width="1.5" '
            'marker-end="url(#a)"/>',
            f'<text x="{SIDE}" y="{height - 18}">A room imports only rooms below it. backtests imports research, never '
            "the reverse. pyproject.toml has the contracts, and CI fails where one is broken.</text>",
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    PICTURE.write_text(svg())
