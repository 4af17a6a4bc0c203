"""Each worked example of CONTRIBUTING.md, carried out in a copy of the code: it fits the files, and works as said."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from recipes import PAGE, Recipe, copy_of_the_code, recipes

RECIPES = recipes()
MOST = {"A rule": 3, "An allocation": 3, "A metric": 2, "A figure": 2, "A learner": 3, "A cost": 3, "A data source": 2}


def test_every_kind_has_an_example_that_touches_few_files() -> None:
    touched = {recipe.title: len(recipe.files) for recipe in RECIPES}
    assert set(touched) == set(MOST)
    assert {title: files for title, files in touched.items() if files > MOST[title]} == {}


def test_the_table_says_how_many_files_each_example_touches() -> None:
    rows = re.findall(r"^\| \[(?P<title>[^\]]+)\]\(#[^)]+\) \| (?P<files>\d) \|", PAGE.read_text(), re.MULTILINE)
    assert {title: int(files) for title, files in rows} == {recipe.title: len(recipe.files) for recipe in RECIPES}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.title)
def test_the_example_works(recipe: Recipe, tmp_path: Path) -> None:
    folder = copy_of_the_code(tmp_path)
    recipe.apply(folder)
    assert recipe.checks
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(recipe.checks)], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
