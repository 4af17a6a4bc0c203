"""Write the keys of each rule below the marker of docs/rules.md, from the classes and their docstrings.

    python .ci/rule_keys.py

A test fails where the page is not that of today's rules.
"""

import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml

from research.portfolio.keys.policies import RULES
from research.rules.risk_rules import RiskRule
from research.rules.standard_rule import StandardRule
from research.rules.wealth_rules import WealthRule

PAGE = Path(__file__).parent.parent / "docs" / "rules.md"
MARKER = "<!-- Written by `python .ci/rule_keys.py`: edit above this line alone. -->\n"
BASES = {
    StandardRule: "Most rules",
    RiskRule: "All rules that use a covariance",
    WealthRule: "`cppi`, `drawdown_floor` and `stop_loss`",
}
# `name : text`, or several names; the text goes on with indented lines, and with others until a sentence ends.
ITEM = re.compile(r"^(?P<names>\w+(?:, \w+)*) *: (?P<text>.+(?:\n +.+|(?<![.;])\n(?!\w+ +:)\S.*)*)", re.MULTILINE)


def page() -> str:
    """The text of the page, with the keys of today's rules."""
    classes = BASES | {RULES[word]: f"`{word}`" for word in RULES}
    tables = ["\n".join(_table(rule, title)) for rule, title in classes.items() if _own_fields(rule)]
    return PAGE.read_text(encoding="utf-8").partition(MARKER)[0] + MARKER + "\n" + "\n\n".join(tables) + "\n"


def _table(rule: Any, title: str) -> Iterator[str]:
    """A heading, and a table of the keys that a class adds to those of its bases, or has another default of."""
    items = ITEM.finditer(re.sub(r"\.  (?=\w+ : )", ".\n", inspect.cleandoc(rule.__doc__)))
    meaning = {name: " ".join(item["text"].split()) for item in items for name in item["names"].split(", ")}
    yield f"### {title}\n"
    if rule is StandardRule:
        others = ", ".join(f"`{word}`" for word in RULES if not issubclass(RULES[word], StandardRule))
        yield f"Those that do not have these keys: {others}.\n"
    yield from ("| key | default | meaning |", "|---|---|---|")
    for field in _own_fields(rule):
        yield f"| `{field.name}` | {_default(field)} | {meaning.get(field.name, 'as above')} |"


def _own_fields(rule: Any) -> list[Field[Any]]:
    return [field for field in fields(rule) if field.name in rule.__annotations__ and field.name != "allocation"]


def _default(field: Field[Any]) -> str:
    """The default as a portfolio file writes it; a dash for none."""
    default = field.default if field.default_factory is MISSING else field.default_factory()
    if default is MISSING or default is None:
        return "required" if default is MISSING else "–"
    plain = list(default) if isinstance(default, tuple) else default
    if is_dataclass(default) and not isinstance(default, type):
        plain = asdict(default)
    return f"`{yaml.safe_dump([plain], default_flow_style=True, sort_keys=False, width=10_000).strip()[1:-1]}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
