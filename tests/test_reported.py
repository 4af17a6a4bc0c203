"""What a run of tests says: how long all take, failures when they come, and what was skipped for want of a program."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = """
from needed import missing

def test_that_fails():
    print("words of a test")
    assert "this" == "that"

def test_that_needs_one_program(): missing("openssl")

def test_that_needs_it_too(): missing("openssl")

def test_that_needs_what_nobody_has(): missing("mongod")

def test_that_passes(): pass
"""
RESULTS = '<testsuites><testsuite name="pytest" tests="15680" time="843.1" hostname="a"><testcase time="0.3" />'
OPENSSL = "openssl is missing on this machine. Install it (Debian: apt-get install openssl)."


LAST = "15,680 tests took 14 minutes here the last time."


def run(folder: Path, *words: str, **environment: str) -> list[str]:
    """The lines that a run of a folder of a few tests prints, by one worker and with these plugins alone."""
    (folder / "all").mkdir()
    (folder / "all" / "test_few.py").write_text(TESTS)
    (folder / "results.xml").write_text(RESULTS)
    (folder / "pytest.ini").write_text("[pytest]\ntestpaths = all\naddopts = -p xdist -p needed -p reported -n 1\n")
    own = {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "COLUMNS": "100", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    others = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTEST_ADDOPTS")}
    command = [sys.executable, "-m", "pytest", *words]
    done = subprocess.run(
        command, cwd=folder, env=others | own | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the first run of all tests on a machine prints."""
    return run(tmp_path_factory.mktemp("first"))


def test_a_first_run_of_all_tests_says_what_they_took_elsewhere(first: list[str]) -> None:
    (said,) = (line for line in first if "tests/times.csv" in line)
    assert said.endswith("minutes for 1 processor as fast.")


def test_a_failure_is_printed_once_when_it_comes(first: list[str]) -> None:
    (at,) = (k for k, line in enumerate(first) if "all/test_few.py::test_that_fails __" in line)
    assert at < next(k for k, line in enumerate(first) if line.endswith("[100%]"))
    assert sum(line.startswith("E") and "'this' == 'that'" in line for line in first) == 1
    assert first.count("words of a test") == 1


def test_a_missing_program_skips_its_tests_and_the_end_of_the_run_counts_them(first: list[str]) -> None:
    assert first[-3] == f"2 tests skipped: {OPENSSL}"
    assert first[-2].startswith("1 test skipped: mongod is missing on this machine.")
    assert "1 failed, 1 passed, 3 skipped" in first[-1]


def test_it_fails_them_in_continuous_integration_and_a_second_run_says_what_the_last_one_took(tmp_path: Path) -> None:
    said = run(tmp_path, "--junitxml=results.xml", CI="true")
    assert LAST in said
    assert said.count(OPENSSL) == 2
    assert said[-2].startswith("1 test skipped: mongod is missing")
    assert "3 failed, 1 passed, 1 skipped" in said[-1]


def test_a_run_of_some_tests_says_nothing_of_all(tmp_path: Path) -> None:
    said = run(tmp_path, "--junitxml=results.xml", "-k", "fails")
    assert not any(LAST in line or "times.csv" in line for line in said)
