"""What compiled code is made from: all that the compiler reads changes its hash, and nothing else does."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numba
import pytest
from cases import cases

from foundation.compiled import calls, forms, records
from foundation.compiled import content as described
from foundation.compiled.content import EditedSince, called, content, signature_text

CALLEE = """
from foundation.compiled import compiled, on_demand

FACTOR = 2

@compiled
def twice(x):
    return FACTOR * x

def not_compiled(x):
    return x
"""
CALLER = """
from callee import twice
from foundation.compiled import compiled, linked

@compiled
def run(x):
    return twice(x) + 1.0
"""


class Tree:
    """A folder of modules, loaded anew whenever they are asked for."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch = folder, monkeypatch
        self.write("callee", CALLEE)
        self.write("caller", CALLER)

    def write(self, name: str, source: str) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / f"{name}.py").write_text(source)

    def edit(self, name: str, old: str, new: str) -> str:
        """Content of the caller after an edit."""
        source = (self.folder / f"{name}.py").read_text()
        assert old in source
        self.write(name, source.replace(old, new))
        return self.content()

    def load(self, name: str) -> ModuleType:
        path = self.folder / f"{name}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        self.patch.setitem(sys.modules, name, module)
        exec(compile(path.read_text(), str(path), "exec"), module.__dict__)  # no byte code of a second ago
        return module

    def content(self) -> str:
        self.load("callee")
        return content(self.load("caller").run)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """A kernel, and one in another file that it calls."""
    monkeypatch.setattr(described, "STARTED", float("inf"))
    return Tree(tmp_path / "first", monkeypatch)


@cases(
    "name, old, new",
    ("caller", "+ 1.0", "+ 2.0"),
    ("caller", "+ 1.0", "+ 1"),
    ("caller", "@compiled", "@linked"),
    ("callee", "FACTOR * x", "FACTOR + x"),
    ("callee", "FACTOR = 2", "FACTOR = 3"),
    ("callee", "FACTOR = 2", "FACTOR = 2.0"),
    ("callee", "FACTOR = 2", "import numpy as np\nFACTOR = np.array([2.0])"),
    ("callee", "@compiled", "from foundation.compiled import inlined\n\n@inlined"),
    ("callee", "def twice(x)", "def twice(x, y=1.0)"),
)
def test_an_edit_of_what_is_compiled_changes_it(tree: Tree, name: str, old: str, new: str) -> None:
    """In whatever file: numba's own cache sees the caller's alone, and goes on with the callee's old machine code."""
    before = tree.content()
    assert tree.edit(name, old, new) != before
    assert tree.edit(name, new, old) == before


@cases(
    "name, old, new",
    ("callee", "def twice", "\n# a comment, further down\n\ndef twice"),
    ("callee", "    return FACTOR", "    # as it says\n    return FACTOR"),
    ("callee", "    return FACTOR", '    """A docstring."""\n    return FACTOR'),
    ("callee", "def twice(x)", "def twice(x: float) -> float"),
    ("callee", "    return x\n", "    return -x\n"),
    ("callee", "FACTOR = 2", "FACTOR = 1 + 1\nANOTHER = 5"),
    ("caller", "import compiled, linked", "import compiled"),
)
def test_an_edit_of_anything_else_does_not(tree: Tree, name: str, old: str, new: str) -> None:
    before = tree.content()
    assert tree.edit(name, old, new) == before


def test_another_folder_does_not(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Tree(tmp_path / "second", monkeypatch).content() == tree.content()


def test_a_constant_that_is_set_from_outside_changes_it(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree.content()
    kernel, callee = sys.modules["caller"].run, sys.modules["callee"]
    assert content(kernel) == before
    monkeypatch.setattr(callee, "FACTOR", 7)
    assert content(kernel) != before


TUPLES = """
from typing import NamedTuple
from foundation.compiled import compiled

class Pair(NamedTuple):
    a: float
    b: float

@compiled
def run(x):
    return Pair(x, 2.0 * x).a
"""


def test_fields_of_a_named_tuple_that_is_made_change_it(tree: Tree) -> None:
    tree.write("caller", TUPLES)
    before = tree.content()
    assert tree.edit("caller", "a: float\n    b: float", "b: float\n    a: float") != before


def test_fields_of_a_named_tuple_that_is_given_change_the_signature(tree: Tree) -> None:
    """numba takes the two for one type: code that reads the first field would go on reading it by its old name."""
    tree.write("caller", TUPLES)
    given = (tree.load("caller").Pair(1.0, 2.0),)
    before = signature_text((numba.typeof(given),))
    tree.edit("caller", "a: float\n    b: float", "b: float\n    a: float")
    given = (tree.load("caller").Pair(1.0, 2.0),)
    assert signature_text((numba.typeof(given),)) != before


INTRINSIC = """
from numba.extending import intrinsic
from foundation.compiled import compiled

def made(factor):
    @intrinsic
    def times(typing, x):
        return x(x), lambda context, builder, signature, arguments: helper(builder, arguments, factor)
    return times

def helper(builder, arguments, factor):
    return builder.fmul(arguments[0], factor)

four = made(4.0)

@compiled
def run(x):
    return four(x)
"""


@pytest.mark.parametrize(("old", "new"), [("made(4.0)", "made(5.0)"), ("fmul", "fadd")])
def test_an_intrinsic_is_read_with_all_that_it_calls(tree: Tree, old: str, new: str) -> None:
    tree.write("caller", INTRINSIC)
    before = tree.content()
    assert tree.edit("caller", old, new) != before
    assert tree.edit("caller", new, old) == before


OBJECT = "\nclass Law:\n    strength = 2\n\nlaw = Law()\n"


def test_whatever_is_not_understood_counts_with_the_text_of_its_module(tree: Tree) -> None:
    tree.write("caller", INTRINSIC.replace("arguments[0], factor", "arguments[0], law.strength") + OBJECT)
    before = tree.content()
    assert tree.edit("caller", "strength = 2", "strength = 3") != before


def test_text_that_was_edited_after_the_process_began_is_not_taken_for_what_is_loaded(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write("caller", INTRINSIC.replace("arguments[0], factor", "arguments[0], law.strength") + OBJECT)
    monkeypatch.setattr(described, "STARTED", 0.0)
    with pytest.raises(EditedSince):
        tree.content()


@pytest.mark.parametrize("module", [calls, forms, records])
def test_whatever_makes_the_code_of_a_call_on_demand_counts_for_its_callers(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, module: ModuleType
) -> None:
    before = tree.edit("callee", "@compiled\ndef twice(x)", "@on_demand\ndef twice(x: float) -> float")
    file_hash = described._file_hash
    monkeypatch.setattr(described, "_file_hash", lambda read: "edited" if read is module else file_hash(read))
    assert tree.content() != before
    monkeypatch.undo()
    file_hash.cache_clear()
    monkeypatch.setitem(described.OWN_FILES, Path(str(module.__file__)), 0)
    with pytest.raises(EditedSince):
        tree.content()


def test_of_a_kernel_on_demand_callers_hold_what_it_takes_and_gives_and_not_its_code(tree: Tree) -> None:
    """So an edit of one compiles it alone."""
    before = tree.edit("callee", "@compiled\ndef twice(x)", "@on_demand\ndef twice(x: float) -> float")
    own = content(sys.modules["callee"].twice)
    assert tree.edit("callee", "FACTOR * x", "FACTOR + x") == before
    assert content(sys.modules["callee"].twice) != own
    assert tree.edit("callee", "-> float", "-> int") != before


def test_kernels_that_are_called_are_named(tree: Tree) -> None:
    tree.content()
    assert called(sys.modules["caller"].run) == {"caller.run", "callee.twice"}


HOUSE = """
from numba import types
from backtests.batch import block
from backtests.engine import compiled_loop
from foundation.compiled import simd
from foundation.compiled.content import content, signature_text
from research.learning import worlds
from research.rules.networks import policy_network as network

for module in (block, compiled_loop, network, worlds):
    for name, value in vars(module).items():
        if hasattr(value, "py_func"):
            print(name, content(value))
print(signature_text((simd.VECTOR, types.float64[:, ::1])))
"""


def test_the_kernels_of_the_house_have_the_same_content_in_every_process() -> None:
    """No address, no order of a set and no profiler is in it, or they would be compiled anew each time."""
    profiled = f"import sys\nsys.setprofile(lambda *_: None)\nsys.settrace(lambda *_: None)\n{HOUSE}"
    said = [
        subprocess.run(
            [sys.executable, "-c", text],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed, text in (("1", HOUSE), ("2", HOUSE), ("2", profiled))
    ]
    assert said[0] == said[1] == said[2]
    assert said[0].count("\n") > 20
