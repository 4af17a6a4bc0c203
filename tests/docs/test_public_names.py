"""The rooms of the guide whose names stay export names, and no other room does that a user of Python imports from."""

import re
from importlib import import_module
from pathlib import Path

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
