"""The worked examples of CONTRIBUTING.md, carried out in a copy of the code: they fit the files, and work as said."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from recipes import PAGE, Recipe, copy_of_the_code, recipes

RECIPES = recipes()
RECOMPILED = (
    "A cost of holding"  # it changes the accounting, with which the backtests of other checks would be compiled anew
)
TOGETHER = [[r for r in RECIPES if r.title != RECOMPILED], [r for r in RECIPES if r.title == RECOMPILED]]
MOST = {
    "A rule": 3,
    "A rule that asks something new": 3,
    "An allocation": 3,
    "A forecast": 3,
    "A metric": 2,
    "A figure": 2,
    "A learner": 3,
    "A cost of holding": 3,
    "A data source": 2,
}


def test_every_kind_has_an_example_that_touches_few_files() -> None:
    touched = {recipe.title: len(recipe.files) for recipe in RECIPES}
    assert set(touched) == set(MOST)
    assert {title: files for title, files in touched.items() if files > MOST[title]} == {}


def test_the_table_says_how_many_files_each_example_touches() -> None:
    rows = re.findall(r"^\| \[(?P<title>[^\]]+)\]\(#[^)]+\) \| (?P<files>\d) \|", PAGE.read_text(), re.MULTILINE)
    assert {title: int(files) for title, files in rows} == {recipe.title: len(recipe.files) for recipe in RECIPES}


@pytest.mark.parametrize("together", TOGETHER, ids=lambda recipes: ", ".join(recipe.title for recipe in recipes))
def test_the_examples_work_beside_each_other(together: list[Recipe], tmp_path: Path) -> None:
    """Each check has names of its own."""
    folder = copy_of_the_code(tmp_path)
    for recipe in together:
        recipe.apply(folder)
        assert recipe.checks
    checks = [f"exec({chr(10).join(recipe.checks)!r}, {{'__name__': {recipe.title!r}}})" for recipe in together]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(checks)], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
