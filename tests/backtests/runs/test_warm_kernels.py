"""A kernel that was forked is the kernel that would have been started: what it writes, is given, and how it ends."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest

from backtests.runs import warm_kernels
from backtests.runs import warm_process as module
from backtests.runs.notebook import execute_notebook
from backtests.runs.warm_kernels import imported
from backtests.runs.warm_process import WarmProcess
from foundation.machine import forks_safely

pytestmark = pytest.mark.skipif(not forks_safely(), reason="kernels are forked on Linux alone")

ABOUT = """
import atexit, json, os, sys, tempfile
import numpy as np
import psutil
import research.rules
from pathlib import Path

about = {
    "forked": any("warm_process" in word for word in psutil.Process().parent().cmdline()),
    "folder": os.getcwd(),
    "name": os.environ["NAME"],
    "temporary": tempfile.gettempdir() == os.environ["TMPDIR"],
    "leads its group": os.getpgid(0) == os.getpid(),
    "random": np.random.get_state()[1][:4].tolist(),
    "found imported": "research.rules" in sys.modules,
}
place = Path(os.environ["ABOUT"])
place.write_text(json.dumps(about))
_ = atexit.register(place.with_suffix(".end").touch)
"""
TWICE = """
import os, sys
from pathlib import Path
from backtests.runs.notebook import execute_notebook

folder = Path(sys.argv[1])
for turn in ("first", "second", "third"):
    os.environ |= {"NAME": turn, "ABOUT": str(folder / turn)}
    execute_notebook(folder / "story.ipynb", folder / f"{turn}.ipynb", {"steps": 7})
"""
WAITING = """
import os, time
from pathlib import Path

place = Path(os.environ["ABOUT"])
place.write_text(str(os.getpid()))
time.sleep(300 if place.name != "first" else 0)
"""


def notebook(folder: Path, source: str) -> None:
    """A notebook with a parameter, a cell, and something that it shows."""
    cells = [
        nbformat.v4.new_code_cell(text)
        for text in ("steps: int = 1", source, "import sys\nprint(steps * 6, sys.path, __name__)\nsteps")
    ]
    cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "story.ipynb")


def started(folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", TWICE, str(folder)], stderr=subprocess.PIPE, text=True)


def test_a_forked_kernel_writes_the_same_and_has_what_it_was_given(tmp_path: Path) -> None:
    notebook(tmp_path, ABOUT)
    _, said = (process := started(tmp_path)).communicate()
    assert process.returncode == 0, said
    about = {turn: json.loads((tmp_path / turn).read_text()) for turn in ("first", "second", "third")}
    assert [each.pop("forked") for each in about.values()] == [False, True, True]
    assert len({str(each.pop("random")) for each in about.values()}) == 3
    expected = {"folder": str(tmp_path), "temporary": True, "leads its group": True, "found imported": True}
    assert about == {turn: expected | {"name": turn} for turn in about}
    assert all((tmp_path / f"{turn}.end").exists() for turn in about)  # what a kernel does at its end
    assert len({(tmp_path / f"{turn}.ipynb").read_bytes() for turn in about}) == 1


def test_a_forked_kernel_ends_with_the_process_that_asked_for_it(tmp_path: Path) -> None:
    notebook(tmp_path, WAITING)
    process = started(tmp_path)
    while not (tmp_path / "second").exists() or not (tmp_path / "second").read_text():
        assert process.poll() is None, process.communicate()
    kernel = psutil.Process(int((tmp_path / "second").read_text()))
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    kernel.wait(timeout=60)


def test_an_answer_that_nobody_took_is_taken_for_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    warm = WarmProcess([])

    def interrupted(text: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module.json, "loads", interrupted)
    with pytest.raises(KeyboardInterrupt):
        warm.ended(1)
    monkeypatch.undo()
    with pytest.raises(RuntimeError, match="the process that forked it is gone"):
        warm.ended(1)
    assert not warm.is_there


def test_a_kernel_is_started_where_none_can_be_forked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook(tmp_path, "")
    gone = WarmProcess([])
    gone._process.kill()
    monkeypatch.setattr("backtests.runs.notebook._BEGUN", iter([1, 1]))
    monkeypatch.setattr(warm_kernels, "warm_process", lambda notebook: gone)
    execute_notebook(tmp_path / "story.ipynb", tmp_path / "out.ipynb", {"steps": 7})
    assert '"42 [' in (tmp_path / "out.ipynb").read_text()


def test_what_it_imports_is_told_from_the_cells(tmp_path: Path) -> None:
    notebook(tmp_path, "import numpy, research.rules\nif steps:\n    from backtests import comparison as c")
    assert imported(tmp_path / "story.ipynb") == ["research.rules", "backtests"]
    notebook(tmp_path, "%time import research.rules")
    assert imported(tmp_path / "story.ipynb") == []
