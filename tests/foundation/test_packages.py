"""The workbench's packages are its own, wherever Python is started."""

import subprocess
import sys
from pathlib import Path

import pytest

from foundation.sets import CODE_FOLDER


def imported(code: str, folder: Path) -> str:
    """The last line of what Python says that runs code in a folder, as a notebook there would."""
    code = f"import sys\nsys.path[:0] = ['', {str(CODE_FOLDER)!r}]\n{code}"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    return (done.stderr or done.stdout).strip().splitlines()[-1]


@pytest.mark.parametrize("own", ["research", "desk", "backtests"])
@pytest.mark.parametrize("file", ["{}.py", "{}/__init__.py"])
@pytest.mark.parametrize("first", ["foundation.errors", "{}"])
def test_a_package_of_the_same_name_beside_a_notebook_is_named(own: str, file: str, first: str, tmp_path: Path) -> None:
    beside = tmp_path / file.format(own)
    beside.parent.mkdir(exist_ok=True)
    beside.write_text("mine = 1\n")
    other = "backtests" if own != "backtests" else "desk"
    said = imported(f"import {first.format(own)}\nimport {other}", tmp_path)
    assert said.startswith(f"foundation.sets.ShadowedError: Python finds {beside} by the name of the workbench's")
    assert said.endswith("Rename yours, or start Python in another folder.")


def test_a_folder_of_notebooks_or_a_clone_of_that_name_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "research").mkdir()
    assert imported("import backtests, research\nprint(research.__file__)", tmp_path) == str(
        CODE_FOLDER / "research" / "__init__.py"
    )
