"""The rooms of the guide whose names stay export names, and no other room does that a user of Python imports from.

A former name, as the guide has it, works and warns.
"""

import re
from importlib import import_module
from pathlib import Path

import pytest

from research.portfolio import load_portfolio

ROOT = Path(__file__).parents[2]


def test_the_rooms_of_public_names_are_those_that_export_names() -> None:
    page = (ROOT / "docs" / "extending.md").read_text().partition("## Names that stay")[2].partition("\n## ")[0]
    named = re.findall(r"`((?:research|backtests|desk)(?:\.[a-z]+)?)`", page)
    rooms = [*(ROOT / "research").glob("*/__init__.py"), *(ROOT / "backtests").glob("*/__init__.py")]
    exporting = [".".join(room.parent.relative_to(ROOT).parts) for room in rooms if "import" in room.read_text()]
    assert sorted(named) == sorted([*exporting, "desk"])
    for room in named:
        assert all(hasattr(import_module(room), name) for name in import_module(room).__all__)
        assert import_module(room).__all__


def test_a_former_name_works_as_that_of_today_and_warns_where_it_is_called() -> None:
    page = (ROOT / "docs" / "extending.md").read_text().partition("## Names that stay")[2]
    block = page.partition("```python\n")[2].partition("```")[0]
    exec(block, names := {"__name__": "former"})
    portfolio = load_portfolio(ROOT / "data" / "portfolios" / "sixty_forty.yaml")
    given = (portfolio, portfolio.policies["threshold"])
    with pytest.warns(DeprecationWarning, match=r"^make_list is now trade_list, and goes with the next") as told:
        former = names["make_list"](*given)
    assert [Path(each.filename) for each in told] == [Path(__file__)]
    assert former.orders.equals(names["trade_list"](*given).orders)
