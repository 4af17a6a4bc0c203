"""Write the tables at the end of docs/data.md: the findings of a check with their points, and the keys of `new --from`.

    python .ci/data_page.py

A test fails where the page is not what this would write.
"""

from collections.abc import Iterator
from pathlib import Path

from desk.commands.portfolio_file.new_settings import PROFILE_KEY, SETTING_KEYS
from research.market.quality.findings import FINDING_KINDS

PAGE = Path(__file__).parent.parent / "docs" / "data.md"
MARK = "<!-- Written by `python .ci/data_page.py`: edit above this line alone. -->\n"


def page(text: str) -> str:
    """The text of the page: what stands above the mark, then the tables."""
    return text.partition(MARK)[0] + MARK + "\n" + "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield from ("## Findings and their points", "", "| finding | points for each | at most |", "|---|---|---|")
    for kind in FINDING_KINDS.values():
        yield f"| {kind.one} | {kind.points:g} | {kind.most:g} |"
    yield from ("", "## Keys of another module's file", "", "| key | what it does |", "|---|---|")
    for key, (what, take) in SETTING_KEYS.items():
        yield f"| `{key}` | {'sets' if take or key == PROFILE_KEY else 'has no counterpart:'} {what} |"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
