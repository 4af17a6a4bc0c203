"""A command that gets too little of the system says so in a sentence, before a library answers with whatever comes."""

import subprocess
import sys
from pathlib import Path

import pytest
from needed import LINUX

ROOT = Path(__file__).parents[3]
LIMITED = """
import os, resource, sys, typer
from desk.cli.options import starting
from desk.commands.terminal import run_app
from backtests.runs.folder import code_on_disk
app = typer.Typer()

@app.command()
def begin():
    if "{kind}" == "RLIMIT_NPROC" and os.geteuid() == 0:  # who has no such limit
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    resource.setrlimit(resource.{kind}, ({limit}, {limit}))
    {work}

sys.argv = ["begin"]
run_app(app)
"""


SPACE = "The address space of this process is limited to {} MiB, and the libraries alone take"


@pytest.mark.parametrize(("kind", "limit", "said"), [
    pytest.param("RLIMIT_AS", 2**30, SPACE.format("1,024"), marks=LINUX),
    pytest.param("RLIMIT_AS", 2**28, SPACE.format("256"), marks=LINUX),
    ("RLIMIT_NPROC", 1, "The system starts no more threads or processes for this user: raise the limit"),
    ("RLIMIT_NPROC", 12, "The system starts no more threads or processes for this user: raise the limit"),
])  # fmt: skip
def test_too_little_memory_and_too_few_threads_are_refused_in_a_sentence(kind: str, limit: int, said: str) -> None:
    script = LIMITED.format(kind=kind, limit=limit, work="with starting(): print('began')")
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1


SHORT = """
import resource, sys, typer
from desk.commands.terminal import run_app
app = typer.Typer()

@app.command()
def fail():
    resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
    raise {error}

sys.argv = ["fail"]
run_app(app)
"""


@LINUX
@pytest.mark.parametrize(("error", "said"), [
    ('SystemError("error return without exception set")', "(error return without exception set) with an address"),
    ("MemoryError", "The command failed (MemoryError) with an address space of 2,048 MiB. Raise that limit"),
    ('OSError("Could not find/load shared object")', "(Could not find/load shared object) with an address space of"),
    ('FileNotFoundError(2, "No such file", "x.csv")', "No such file (x.csv). Give a path that can be read or written."),
])  # fmt: skip
def test_what_fails_with_little_memory_names_the_limit(error: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHORT.format(error=error)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr


def test_code_that_git_cannot_be_asked_about_has_no_other_name() -> None:
    """Such as the hash over the sources that it has without git."""
    script = LIMITED.format(kind="RLIMIT_NPROC", limit=1, work="print(code_on_disk())")
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.startswith("The system starts no more threads or processes for this user: raise the limit")
