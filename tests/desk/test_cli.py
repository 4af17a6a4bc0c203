"""What the command line says of itself, without a heavy import; what it does is tested with each command."""

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from backtests.runs.folder import code_version
from backtests.runs.notebook import COMPARING
from backtests.runs.parameters import declared, parameters_of

ROOT = Path(__file__).parents[2]
HEAVY = {"numpy", "pandas", "numba", "torch", "scipy", "matplotlib", "vectorbt", "papermill", "distributed", "rich"}


def rebalance(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A light command: fails where it loads anything heavy."""
    script = (
        "import sys\nfrom desk.cli import main\n"
        f"sys.argv = ['rebalance', *{words}]\n"
        "try:\n    main()\nfinally:\n"
        f"    loaded = {HEAVY} & {{name.partition('.')[0] for name in sys.modules}}\n"
        "    assert not loaded, loaded\n"
    )
    given = {"COLUMNS": "120", "NO_COLOR": "1"} | environment
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=ROOT, env=os.environ | given, capture_output=True, text=True, check=False)


def test_version_and_code_are_named() -> None:
    done = rebalance("--version")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"rebalance {version('rebalance-workbench')}, code {code_version()}\n"


def test_help_of_report_explains_the_parameters_of_its_notebook() -> None:
    done = rebalance("report", "--help")
    assert done.returncode == 0, done.stderr
    said = {name: parameter.meaning for name, parameter in declared(COMPARING).items()}
    assert list(said) == list(parameters_of(COMPARING))
    for name in ("rl_steps", "rl_seeds", "draws"):
        assert re.search(rf"\n +{name} +{re.escape(said[name])}\n", done.stdout)
    for name in ("portfolio", "run"):  # which the command sets itself
        assert said[name]
        assert said[name] not in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_be_taught_to_complete(shell: str) -> None:
    done = rebalance("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert done.returncode == 0, done.stderr
    assert "_REBALANCE_COMPLETE" in done.stdout


def test_commands_are_completed() -> None:
    words = {"_REBALANCE_COMPLETE": "complete_bash", "COMP_WORDS": "rebalance research la", "COMP_CWORD": "2"}
    done = rebalance(**words)
    assert done.stdout.split() == ["laboratory"], done.stderr
