"""Write the gallery at the end of docs/examples.md: each file of data/examples with what its first lines say of it.

    python .ci/examples_page.py

Its pictures, whose words are their alternatives, are drawn by .ci/gallery.py. A test fails where the page is not what
this would write.
"""

import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE, EXAMPLES = ROOT / "docs" / "examples.md", ROOT / "data" / "examples"
MARK = "<!-- Written by `python .ci/examples_page.py`: edit above this line alone. -->\n"
GROUPS = {  # heading -> where its subject is explained, and how the names of its files begin
    "Rules": ("When to trade, and how far: [rules](rules.md).", ("rule_", "own_rule")),
    "Allocations": ("What to hold: [allocations](allocations.md).", ("allocation_",)),
    "Views and forecasts": ("Expected returns and risks: [forecasts](forecasts.md).", ("views_", "forecast_")),
    "Costs, taxes and cash": (
        "What is paid, and money in and out: [accounting](accounting.md), [tax lots](taxes.md), [plans](plan.md).",
        ("costs_", "tax_", "flows_", "dividends_", "execution_", "plan_"),
    ),
    "Markets and reports": (
        "Data of your own, and what a report compares with: [market data](data.md), [the tearsheet](tearsheet.md).",
        ("market_", "benchmark_", "stress_", "target_"),
    ),
    "Today's orders": (
        "For `rebalance trades` and `rebalance desk run`: [trade lists](trade_lists.md), [the cycle](cycle.md).",
        ("orders_", "cycle_"),
    ),
}


def page(text: str) -> str:
    """The text of the page: what stands above the mark, then the gallery."""
    return text.partition(MARK)[0] + MARK + "\n" + "\n\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    for heading, (about, beginnings) in GROUPS.items():
        yield from (f"## {heading}", about)
        for path in (path for each in beginnings for path in sorted(EXAMPLES.glob(f"{each}*.yaml"))):
            comments = takewhile(lambda line: line.startswith("# "), path.read_text("utf-8").splitlines())
            words = re.sub(r"docs/(\w+)\.md", r"[\1](\1.md)", " ".join(line[2:] for line in comments))
            picture = f"assets/examples/{path.stem}.svg"
            told = re.search("<desc>(.*?)</desc>", (PAGE.parent / picture).read_text("utf-8"))
            yield f"**[{path.stem}](../data/examples/{path.name})** – {words}"
            yield f"![{told[1] if told else path.stem}]({picture})"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), encoding="utf-8")
