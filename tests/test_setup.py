"""Set-up begins with a Python that runs, and says what to install where there is none."""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
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
    for program in ("dirname", "git", "mkdir", "cat", "rm", "sort", "grep", "find", "uname"):
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
    done = set_up(folder, {}, "everything")
    assert done.returncode == 1
    assert "There is no set 'everything'. Sets: core, learn," in done.stderr


def test_sets_of_an_unfinished_environment_are_kept(folder: Path) -> None:
    """It is made anew with them, here by a Python whose environment has no packages, so that set-up ends."""
    (folder / ".venv").mkdir()
    (folder / ".venv" / ".sets").write_text("service\n")
    for name in ("service", "peers"):
        (folder / f"requirements-{name}.lock").touch()
    shutil.copy(SETUP.parent / "pip_settings", folder / ".ci")
    (folder / "bin" / "sed").symlink_to(str(shutil.which("sed")))
    done = set_up(folder, {"python3": f'#!/bin/sh\nexec {sys.executable} "$@"\n'}, "peers")
    assert "Setting up .venv: core peers service" in done.stderr
    assert done.returncode != 0
    assert (folder / ".venv" / ".sets").read_text() == "peers\nservice\n"
    assert not (folder / ".venv" / ".ready").exists()


# -- torch -----------------------------------------------------------------------------------------------------------


def torch_lock(folder: Path, *wheels: str, **variables: str) -> list[str]:
    """The lines of the lock of torch, with wheels of these names in `folder / "wheels"`, in a Python without torch."""
    (folder / ".ci").mkdir(exist_ok=True)
    (folder / "wheels").mkdir(exist_ok=True)
    shutil.copy(SETUP.parent / "torch_lock.py", folder / ".ci")
    for name in wheels:
        (folder / "wheels" / name).write_text("a wheel")
    digest = hashlib.sha256(b"a wheel").hexdigest()
    (folder / "requirements-torch.lock").write_text(f"torch==2.13.0 \\\n    --hash=sha256:{digest}\n")
    (folder / "requirements-cuda.lock").write_text("triton==3\n")
    command = [sys.executable, "-I", "-S", str(folder / ".ci" / "torch_lock.py")]
    done = subprocess.run(command, env=os.environ | variables, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


PYTHON = f"cp{sys.version_info.major}{sys.version_info.minor}"
WHEEL = f"torch-2.13.0+cpu-{PYTHON}-{PYTHON}-any_{sysconfig.get_platform().split('-')[-1]}.whl"


@pytest.mark.parametrize("stated", ["wheels", "{0}/wheels", "file://{0}/wheels", "https://127.0.0.1/wheels {0}/wheels"])
def test_a_wheel_of_torch_at_hand_goes_before_the_indexs(tmp_path: Path, stated: str) -> None:
    where, line = torch_lock(tmp_path, WHEEL, PIP_FIND_LINKS=stated.format(tmp_path))
    assert where == f"--find-links {(tmp_path / 'wheels').as_uri()}"
    assert line.startswith("torch==2.13.0+cpu --hash=sha256:")


@pytest.mark.parametrize("wheel", [WHEEL.replace("2.13.0", "2.12.0"), WHEEL.replace("cp3", "cp2")])
def test_where_no_wheel_fits_torch_comes_with_cuda(tmp_path: Path, wheel: str) -> None:
    assert torch_lock(tmp_path, wheel, PIP_FIND_LINKS=str(tmp_path / "wheels"))[-1] == "triton==3"


def test_a_wheel_that_the_lock_does_not_list_is_not_taken(tmp_path: Path) -> None:
    torch_lock(tmp_path)
    (tmp_path / "wheels" / WHEEL).write_text("another file")
    assert torch_lock(tmp_path, PIP_FIND_LINKS=str(tmp_path / "wheels"))[-1] == "triton==3"
