"""Code and tests are for every machine: they name nothing of one system alone, and no test judges by a clock."""

import ast
import re
from pathlib import Path

import pytest
from recipes import CODE

ROOT = Path(__file__).parents[1]
OWN = {"foundation/machine.py", "tests/test_machines.py"}
MARKED = "import LINUX"  # of tests that run on Linux alone
LACKED = re.compile(
    r"/proc/|/dev/full|\bos\.(?:sched_|memfd_|pidfd_|eventfd|splice|posix_fa|copy_file_range|sendfile|fdatasync|"
    r"getrandom|O_TMPFILE|O_PATH|O_DIRECT\b|O_NOATIME)|\bepoll\b|RLIMIT_AS|ru_maxrss|F_OFD_|SO_PEERCRED|TCP_KEEP|"
    r"signal\.(?:signalfd|SIGPWR|SIGSTKFLT|SIGRT)"
)
CLOCK = re.compile(r"time\.\w*(?:time|monotonic|perf_counter)(?:_ns)?|(?:datetime|date)\.(?:now|utcnow|today)")


def files(*folders: str) -> list[str]:
    """The Python files of folders, by their paths in the repository."""
    return sorted(path.relative_to(ROOT).as_posix() for folder in folders for path in (ROOT / folder).rglob("*.py"))


def test_what_a_system_lacks_is_named_in_one_module_and_in_tests_of_linux_alone() -> None:
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in files(*CODE, "tests", "benchmarks", ".ci")}
    named = {name: set(LACKED.findall(text)) for name, text in texts.items() if name not in OWN and MARKED not in text}
    assert {name: found for name, found in named.items() if found} == {}, "take it from foundation/machine.py"
    assert LACKED.search(texts["foundation/machine.py"])


def clocks_asked(test: str) -> list[int]:
    """The lines of a test file at which a clock is asked within an assertion."""
    asserts = (node for node in ast.walk(ast.parse(test)) if isinstance(node, ast.Assert))
    calls = (node for each in asserts for node in ast.walk(each.test) if isinstance(node, ast.Call))
    return [call.lineno for call in calls if CLOCK.fullmatch(ast.unparse(call.func))]


@pytest.mark.parametrize(
    ("test", "lines"), [("import time\nassert time.time() < 1", [2]), ("assert f(\n  datetime.now(UTC) - a)", [2])]
)
def test_an_assertion_that_asks_a_clock_is_seen(test: str, lines: list[int]) -> None:
    assert clocks_asked(test) == lines


def test_no_test_judges_by_a_clock() -> None:
    found = {name: clocks_asked((ROOT / name).read_text(encoding="utf-8")) for name in files("tests")}
    assert {name: lines for name, lines in found.items() if lines} == {}
