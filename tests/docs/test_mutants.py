"""Changes of code that a near test must notice: which modules they are drawn from, and which need not be noticed."""

import ast
import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def mutants() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(ROOT / ".ci"), *sys.path])
        return importlib.import_module("mutants")


def test_changes_are_drawn_from_each_room_and_found_by_the_test_of_the_modules_name(mutants: ModuleType) -> None:
    drawn = mutants.modules()
    assert len(drawn) == len(set(drawn))
    assert {room for name in drawn for room in (name, str(Path(name).parent))} >= set(mutants.ROOMS)
    assert mutants.near_test("desk/cycle/decision.py") == Path("tests/desk/cycle/test_decision.py")
    assert {"desk/cycle/decision.py", "desk/exchange/routing.py", "desk/tca/orders.py"} <= set(drawn)
    assert "desk/cycle/screen.py" not in drawn  # it has no test of its name
    for name, test in mutants.OTHERWISE.items():
        assert (ROOT / test).exists()
        assert not (ROOT / "tests" / Path(name).with_name(f"test_{Path(name).name}")).exists()
    assert len(set(mutants.chosen())) == mutants.COUNT


def test_what_does_the_same_is_a_change_of_a_line_that_is_there(mutants: ModuleType) -> None:
    for name, change, line in mutants.SAME:
        text = (ROOT / name).read_text("utf-8")
        lines = text.splitlines()
        found = {(words, lines[at - 1].strip()) for at, words, _ in mutants.places(ast.parse(text))}
        assert (change, line) in found


def test_a_change_alters_one_place(mutants: ModuleType) -> None:
    code = "x = 1.0 < y and max(a, b) + 2.0"
    count = len(list(mutants.places(ast.parse(code))))
    changed = []
    for k in range(count):
        tree = ast.parse(code)
        list(mutants.places(tree))[k][2]()
        changed.append(ast.unparse(tree))
    assert sorted(changed) == [
        "x = 1.0 < y and max(a, b) + 3.1", "x = 1.0 < y and max(a, b) - 2.0", "x = 1.0 < y and min(a, b) + 2.0",
        "x = 1.0 < y or max(a, b) + 2.0", "x = 1.0 >= y and max(a, b) + 2.0", "x = 1.6 < y and max(a, b) + 2.0",
    ]  # fmt: skip
