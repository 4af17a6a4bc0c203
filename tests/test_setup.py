"""Set-up begins with a Python that runs, and says what to install where there is none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[1] / ".ci" / "setup"
DEAD = "#!/bin/sh\nexit 127\n"  # a command of pyenv for a version that is not chosen
OLD = "#!/bin/sh\necho False\n"  # what a Python out of range says
NONE = "Set-up found no Python 3.11, 3.12 or 3.13 with venv on PATH."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clone with the script alone, and a folder of programs without any Python."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(SETUP, tmp_path / ".ci")
    (tmp_path / "bin").mkdir()
    for program in ("dirname", "git", "mkdir", "flock", "cat", "rm", "sort", "grep"):
        if found := shutil.which(program):
            (tmp_path / "bin" / program).symlink_to(found)
    return tmp_path


def set_up(folder: Path, programs: dict[str, str], *sets: str, **variables: str) -> subprocess.CompletedProcess[str]:
    for name, text in programs.items():
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name != "PYTHON"}
    environment = kept | {"PATH": str(folder / "bin")} | variables
    return subprocess.run(["/bin/sh", folder / ".ci" / "setup", *sets], env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("programs", [{}, {"python3": DEAD, "python3.13": OLD}])
def test_without_a_python_it_says_what_to_install_on_each_system(folder: Path, programs: dict[str, str]) -> None:
    done = set_up(folder, programs)
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, NONE)
    assert all(words in done.stderr for words in ("apt-get install python3", "dnf install", "brew install", "PYTHON="))
    assert not (folder / ".venv").exists()


def test_a_command_that_does_not_run_is_passed_over_for_one_that_does(folder: Path) -> None:
    """The one that runs is asked to make the environment, and here refuses."""
    real = f'#!/bin/sh\ncase "$*" in *venv*.venv) echo asked >&2; exit 3;; esac\nexec {sys.executable} "$@"\n'
    base = f'#!/bin/sh\ncase "$2" in *base_executable*) echo {folder}/bin/base;; *) exec {sys.executable} "$@";; esac\n'
    done = set_up(folder, {"python3": DEAD, "python3.11": OLD, "python3.12": base, "base": real})
    assert (done.returncode, "asked" in done.stderr) == (3, True)


def test_a_stated_python_out_of_range_is_refused(folder: Path) -> None:
    done = set_up(folder, {"python3": f'#!/bin/sh\nexec {sys.executable} "$@"\n', "old": OLD}, PYTHON="old")
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        1,
        "PYTHON=old is no Python 3.11, 3.12 or 3.13 with venv.",
    )


def test_an_unknown_set_is_refused_with_those_that_there_are(folder: Path) -> None:
    done = set_up(folder, {}, "learn", "everything")
    assert done.returncode == 1
    assert "There is no set 'everything'. Sets: core, learn," in done.stderr
