"""A compilation says that it is one, at once; where there is none, nothing is said."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[3]
KERNELS = """
from foundation.compiled import compiled

@compiled
def callee(x):
    return 2.0 * x

@compiled
def other(x):
    return 3.0 * x

@compiled
def run(x):
    return callee(x) + other(x)

@compiled
def wrong(x):
    return x.nothing

"""
LINE = "Compiling run and 2 kernels that it calls for this machine, once.\n"


def played(folder: Path, then: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A process with these kernels, and nothing compiled before but what `folder` keeps."""
    (folder / "kernels.py").write_text(KERNELS)
    unset = ("TQDM_DISABLE", "REBALANCE_PROGRESS")
    inherited = {name: value for name, value in os.environ.items() if name not in unset}
    given = {"NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])}
    script = f"from kernels import run, wrong\n{then}"
    env = inherited | given | environment
    return subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)


def test_a_notebook_shows_it_in_the_cell_that_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kernels.py").write_text(KERNELS)
    for name in ("TQDM_DISABLE", "REBALANCE_PROGRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(tmp_path)]))
    cells = [nbformat.v4.new_code_cell("from kernels import run\nrun(1.0)") for _ in range(2)]
    played = NotebookClient(nbformat.v4.new_notebook(cells=cells), kernel_name="python3").execute()
    first, second = (
        [one.get("text") for one in cell["outputs"] if one.get("name") == "stderr"] for cell in played.cells
    )
    assert (first, second) == ([LINE], [])


def test_it_is_announced_once_before_the_compiler_is_at_work_and_not_where_the_code_is_kept(tmp_path: Path) -> None:
    """The first pass of the compiler finds it said."""
    then = """
import io, sys
from numba.core import event

class First(event.Listener):
    def on_start(self, passed):
        self.found = getattr(self, "found", sys.stderr.getvalue())
    def on_end(self, passed):
        pass

first, sys.stderr = First(), io.StringIO()
event.register("numba:run_pass", first)
run(1.0)
print(first.found, end="")
sys.__stderr__.write(sys.stderr.getvalue())
"""
    compiled = played(tmp_path, then)
    assert compiled.stdout == LINE
    assert compiled.stderr.startswith(LINE)  # on a slow machine its progress follows
    assert compiled.stderr.count("Compiling") == 1
    assert played(tmp_path, "run(1.0)").stderr == ""


def test_neither_kernels_of_others_nor_one_that_cannot_be_compiled_disturb_it(tmp_path: Path) -> None:
    then = """
import numba
from numba.core.errors import TypingError

numba.njit(lambda x: 2.0 * x)(1.0)
try:
    wrong(1.0)
except TypingError:
    run(1.0)
"""
    assert played(tmp_path, then).stderr == f"Compiling wrong for this machine, once.\n{LINE}"


@pytest.mark.parametrize(("setting", "value"), [("TQDM_DISABLE", "1"), ("REBALANCE_PROGRESS", "{}/told")])
def test_who_wants_no_progress_or_shows_it_elsewhere_gets_no_line(tmp_path: Path, setting: str, value: str) -> None:
    assert played(tmp_path, "run(1.0)", **{setting: value.format(tmp_path)}).stderr == ""
    assert (tmp_path / "told").exists() == (setting == "REBALANCE_PROGRESS")
