"""The worked examples of docs/extending.md, carried out in a copy of the code: they fit the files, and work as said."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from recipes import PAGE, Recipe, copy_of_the_code, recipes

RECIPES = recipes()
RECOMPILED = "A cost of holding"  # it changes the accounting, and other checks would compile backtests anew
TOGETHER = [[r for r in RECIPES if r.title != RECOMPILED], [r for r in RECIPES if r.title == RECOMPILED]]


def test_the_table_says_how_many_files_each_example_touches() -> None:
    assert RECIPES
    rows = re.findall(r"^\| \[(?P<title>[^\]]+)\]\(#[^)]+\) \| (?P<files>\d) \|", PAGE.read_text(), re.MULTILINE)
    assert {title: int(files) for title, files in rows} == {recipe.title: len(recipe.files) for recipe in RECIPES}


@pytest.mark.parametrize("together", TOGETHER, ids=lambda recipes: ", ".join(recipe.title for recipe in recipes))
def test_the_examples_work_beside_each_other(together: list[Recipe], tmp_path: Path) -> None:
    """Each check has names of its own."""
    folder = copy_of_the_code(tmp_path)
    for recipe in together:
        recipe.apply(folder)
        assert recipe.checks
    files = [path for recipe in together for path in recipe.files]
    for form in ("check", "format --check"):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *form.split(), *files], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout
    checks = [f"exec({chr(10).join(recipe.checks)!r}, {{'__name__': {recipe.title!r}}})" for recipe in together]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(checks)], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
