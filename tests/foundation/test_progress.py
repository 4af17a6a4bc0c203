"""Progress reaches whoever can see it: a terminal, a log file, another process, or nobody."""

import json
import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path

SCRIPT = """
from foundation import progress

progress.DELAY, progress.TICK = {delay}, 0.001
with progress.bar(4, "playing", "rules", done=1) as told:
    input()
    told.update(1)
    told.stage("judging")
    input()
    told.stage("drawing", 0, 0)
    input()
"""


def started(delay: float, stderr: int, **environment: str) -> subprocess.Popen[str]:
    """A job of three stages; each lasts until it is sent a line."""
    inherited = {
        name: value for name, value in os.environ.items() if name not in ("TQDM_DISABLE", "REBALANCE_PROGRESS")
    }
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(delay=delay)],
        stdin=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env=inherited | environment,
    )


def test_a_log_file_gets_a_line_a_stage() -> None:
    job = started(0.0, subprocess.PIPE)
    assert job.stdin is not None
    assert job.stderr is not None
    for said in ("playing: 1 of 4 rules (25 %)", "judging: 2 of 4 rules (50 %)", "drawing: 0 rules"):
        assert re.fullmatch(rf"\d\d:\d\d:\d\d {re.escape(said)}, \d+ s\n", job.stderr.readline())
        job.stdin.write("\n")
        job.stdin.flush()
    assert job.communicate()[1] == ""
    assert job.returncode == 0


def test_a_terminal_gets_a_bar() -> None:
    terminal, own = pty.openpty()
    termios.tcsetwinsize(own, (24, 100))
    job = started(0.0, own)
    os.close(own)
    for said in (r"playing: +25%.* 1/4 ", r"judging: +50%.* 2/4 ", "drawing"):  # the per cents of tqdm
        shown = ""
        while not re.search(said, shown):
            shown += os.read(terminal, 1000).decode(errors="replace")
        job.stdin.write("\n")
        job.stdin.flush()
    job.stdin.close()
    job.wait()
    os.close(terminal)
    assert job.returncode == 0


def test_what_is_over_at_once_shows_nothing() -> None:
    assert started(3600.0, subprocess.PIPE).communicate("\n\n\n")[1] == ""


def test_who_wants_none_sees_none() -> None:
    assert started(0.0, subprocess.PIPE, TQDM_DISABLE="1").communicate("\n\n\n")[1] == ""


def test_another_process_is_told_in_a_file(tmp_path: Path) -> None:
    """As the command is that executes a notebook; whatever else is silenced."""
    told = tmp_path / "told"
    job = started(3600.0, subprocess.PIPE, TQDM_DISABLE="1", REBALANCE_PROGRESS=str(told))
    assert job.communicate("\n\n\n")[1] == ""
    assert json.loads(told.read_text()) == ["drawing", 0, 0]
    assert list(tmp_path.iterdir()) == [told]
