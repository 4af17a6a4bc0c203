"""The sizes of a project are held: what rises is named and needs a reason, and what fell can be kept by one word."""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "ceilings.py"
COMMAND_LINE = """\
import typer

app = typer.Typer()

@app.command()
def report(file: str, policy: str = "", days: int = 4) -> None: ...

@app.command(hidden=True)
def tour() -> None: ...
"""
KEPT = """\
measure,place,number,issue,why
commands,.,2
lines,.ci,400
lines,desk/cli,6
lines,research/market,2
nodes,.ci,9000
nodes,desk,1
nodes,desk/cli,44
nodes,research/market,6
options,.,4
words,.,4
"""


@pytest.fixture(scope="module")
def ceilings() -> ModuleType:
    """The script as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPT.parent)
        return importlib.import_module("ceilings")  # processes find it by name


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of two modules and one page, and its table, which is at today's numbers but for the script's own."""
    written = {
        "desk/__init__.py": "",
        "desk/cli/__init__.py": COMMAND_LINE,
        "research/market/prices.py": '"""Prices.\n\nOf markets.\n"""\n\n# in currency\nLOT = 100\nTICK = 0.01\n',
        "README.md": "# A small project\n\n```\nmake\n```\n",
        ".ci/ceilings.csv": KEPT,
        "Makefile": "",
    }
    for name, text in written.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    shutil.copy(SCRIPT, tmp_path / ".ci" / "ceilings.py")
    return tmp_path


def run(project: Path, *words: str) -> tuple[int, str]:
    """The exit status of the script, and what it printed."""
    done = subprocess.run([sys.executable, ".ci/ceilings.py", *words], cwd=project, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_a_number_that_rose_fails_and_a_row_with_its_reason_lets_it_pass(project: Path) -> None:
    assert run(project)[0] == 0
    prices, table = project / "research/market/prices.py", project / ".ci/ceilings.csv"
    prices.write_text(prices.read_text() + "HALF = LOT / 2\n")
    status, said = run(project)
    assert status == 1
    assert "lines, research/market: 3, and the ceiling is 2." in said
    assert "desk/cli" not in said
    offered = [line.strip() for line in said.splitlines() if line.startswith("    ")]
    assert [line.split(",")[:3] for line in offered] == [
        ["lines", "research/market", "+1"],
        ["nodes", "research/market", "+5"],
    ]
    table.write_text("\n".join([KEPT.strip(), *offered]))
    assert "state the title of the issue, and why" in run(project)[1]
    reasons = [line.replace("<title of the issue>", "Half lots").replace("<why>", "it trades, too") for line in offered]
    table.write_text("\n".join([KEPT.strip(), *reasons]))
    assert run(project)[0] == 0


def test_one_word_keeps_what_fell_and_raises_nothing(project: Path) -> None:
    prices, table = project / "research/market/prices.py", project / ".ci/ceilings.csv"
    prices.write_text("LOT = 100\n")
    (project / "README.md").write_text("# A project that is not so small\n")
    status, said = run(project, "--keep")
    assert status == 1
    assert "words, .: 8, and the ceiling is 4." in said
    rows = table.read_text().splitlines()
    assert {"lines,research/market,1", "words,.,4", "commands,.,2", "options,.,4"} <= {*rows}
    (project / "README.md").write_text("# A project\n")
    assert run(project)[1].endswith("1 fell: `make keep` keeps them.\n")


def test_a_kept_number_is_not_raised_by_hand(project: Path) -> None:
    person = ["-c", "user.name=A", "-c", "user.email=a@b.example"]
    for words in (["init", "-q"], ["add", "."], [*person, "commit", "-qm", "Begin"]):
        subprocess.run(["git", *words], cwd=project, check=True)
    (project / ".ci/ceilings.csv").write_text(KEPT.replace("words,.,4", "words,.,5"))
    status, said = run(project)
    assert (status, "kept numbers fall only: ('words', '.') is above" in said) == (1, True)


def test_raises_go_before_kept_numbers_the_last_first_where_a_number_falls(ceilings: ModuleType) -> None:
    key, first, second = ("lines", "desk/cli"), (20, "One", "a"), (10, "Two", "b")
    kept, raises = {key: 100}, {key: [first, second]}

    def rows(now: int) -> list[object]:
        return [row[2] for row in ceilings.lowered(kept, raises, {key: now})]

    assert rows(140) == rows(130) == [100, "+20", "+10"]
    assert rows(125) == [100, "+20", "+5"]
    assert rows(110) == [100, "+10"]
    assert rows(90) == [90]
    assert rows(0) == []


def test_of_two_rows_that_a_merge_left_the_lower_counts_and_the_same_raise_once(ceilings: ModuleType) -> None:
    raised = 'lines,desk,+5,Tickets,"a format, and its tests"\n'
    kept, raises = ceilings.read("head\nlines,desk,90\nlines,desk,100\n" + raised * 2)
    assert kept == {("lines", "desk"): 90}
    assert raises == {("lines", "desk"): [(5, "Tickets", "a format, and its tests")]}


@pytest.mark.parametrize(
    "row", ["lines", "lines,desk,many", "lines,desk,-5", "lines,desk,+5", "lines,desk,+5,Tickets,"]
)
def test_a_row_that_states_no_number_or_no_reason_ends_the_script(ceilings: ModuleType, row: str) -> None:
    with pytest.raises(SystemExit, match=r"ceilings\.csv: .* (is no row|raises a ceiling)"):
        ceilings.read(f"head\n{row}\n")


def test_comments_docstrings_and_blank_lines_are_no_lines_of_code(ceilings: ModuleType, tmp_path: Path) -> None:
    text = '"""A\nmodule."""\n\n# why\nQUERY = """\nselect\n"""  # three lines\n\n\n'
    text += 'def f(a):\n    """It adds."""\n    return a + 1\n'
    (tmp_path / "module.py").write_text(text)
    found = ceilings.module_of(tmp_path / "module.py", tmp_path)
    assert (found.lines, found.length, found.public, found.constants) == (5, 12, ["f"], ["QUERY"])


def test_names_of_two_modules_long_lists_of_arguments_and_small_files_are_found(
    ceilings: ModuleType, tmp_path: Path
) -> None:
    written = {
        "research/rules/__init__.py": "from research.rules.bands import band\n",
        "research/rules/bands.py": "A, B = 1, 2\nLOT = 2\nclass Own: ...\ndef band(a, b, c, d, e, f, g, *more): ...",
        "research/orders.py": "from research.rules import band\nLOT = 2\nclass Own:\n def f(self, a, b, c, d, e, f): 1",
        "desk/now.py": "from research import orders\n\ndef later():\n    import research.orders\n",
        "desk/then.py": "import research.orders\n",
    }
    for name, lines in written.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(lines)
    modules = ceilings.modules_of(tmp_path)
    assert ceilings.doubled(each.public for each in modules) == ["Own"]
    assert ceilings.doubled(each.constants for each in modules) == ["LOT"]
    assert [each for found in modules for each in found.long] == ["research/rules/bands.py:4 band"]
    assert ceilings.small_files(modules) == ["research/rules/bands.py of research.orders"]
