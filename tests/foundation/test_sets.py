"""A package that is not installed is answered with the set that brings it."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from foundation.errors import ConfigError
from foundation.sets import SETS, Finder, MissingSetError, answer_imports, has_set, installed_versions, missing

ROOT = Path(__file__).parents[2]
BARE = """
import sys
sys.path[:0] = [{root!r}]
import foundation
import importlib.util
{code}
"""


def bare(code: str) -> str:
    """The output of code in a Python that has the workbench and none of its packages."""
    command = [sys.executable, "-I", "-S", "-c", BARE.format(root=str(ROOT), code=code)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("name", SETS)
def test_an_import_of_a_missing_package_says_which_word_installs_it(name: str) -> None:
    module = next(one for one in SETS[name] if sum(one in modules for modules in SETS.values()) == 1)
    said = bare(f"try:\n    import {module}.inner\nexcept ValueError as error:\n    print(error.name, error)")
    assert said.startswith(f"{module} {module} is not installed: it comes with the set '{name}'.")
    assert f"make setup SETS={name}`" in said


def test_a_package_of_two_sets_is_said_to_be_in_both() -> None:
    assert "the set 'peers' (and with learn)" in str(missing("sklearn"))


def test_who_asks_only_whether_a_package_is_installed_is_told_no() -> None:
    assert bare("print(importlib.util.find_spec('torch'))") == "None"


def test_other_missing_packages_are_answered_as_python_does() -> None:
    code = "try:\n    import nowhere\nexcept ImportError as error:\n    print(type(error).__name__, error)"
    assert bare(code) == "ModuleNotFoundError No module named 'nowhere'"


def test_the_error_is_one_of_settings_and_one_of_imports_and_goes_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(missing("torch")))
    assert isinstance(error, ConfigError)
    assert isinstance(error, ImportError)
    assert (type(error), error.name, str(error)) == (MissingSetError, "torch", str(missing("torch")))


def test_imports_are_answered_once() -> None:
    answer_imports()
    assert sum(isinstance(finder, Finder) for finder in sys.meta_path) == 1


def test_versions_are_those_of_what_is_installed() -> None:
    assert list(installed_versions(["numpy", "nowhere"])) == ["numpy"]
    assert has_set("learn")
