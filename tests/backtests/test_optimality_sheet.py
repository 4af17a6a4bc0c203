"""The laboratory's page and run: whole, the same bytes again, and read by a real browser."""

from pathlib import Path

import pandas as pd
import pytest
from browser import Elements, check_page, check_themes
from typer.testing import CliRunner

from backtests.cli import app
from backtests.optimality import OPTIMUM, Bench
from backtests.optimality_sheet import Study, make_laboratory
from research.errors import ConfigError


@pytest.fixture(scope="module")
def study() -> Study:
    return Study(Bench.worked(paths=40))


@pytest.fixture(scope="module")
def page(study: Study) -> str:
    return study.html()


def test_it_holds_no_address_and_no_script(page: str) -> None:
    found = Elements(page).found
    assert not {"script", "link", "iframe"} & {tag for tag, _ in found}
    assert "http" not in page


def test_elements_are_closed_and_identifiers_are_one_of_a_kind(page: str) -> None:
    elements = Elements(page)
    assert not elements.crossed
    assert not elements.open
    names = [a["id"] for _, a in elements.found if "id" in a]
    assert len(names) == len(set(names))


def test_it_says_what_the_table_says(study: Study, page: str) -> None:
    best = study.table.drop(OPTIMUM).index[0]
    assert f"{study.table.loc[OPTIMUM, 'J']:.2f} bp a year" in study.lead
    assert str(best) in study.lead
    assert study.table["J"].is_monotonic_increasing
    for name, row in study.table.iterrows():
        assert str(name) in page
        assert f"{row['J']:.3f}" in page
    assert "51 settings" in page


def test_a_browser_shows_it_at_every_width(page: str, tmp_path: Path) -> None:
    check_page(page, tmp_path)


def test_it_follows_the_theme_of_the_reader(page: str, tmp_path: Path) -> None:
    check_themes(page, tmp_path)


def test_the_command_writes_a_whole_run_and_the_same_bytes_again(tmp_path: Path) -> None:
    """With one worker and with two."""
    made = CliRunner().invoke(app, ["laboratory", "--paths", "20", "--workers", "1", "--reports", str(tmp_path)])
    assert made.exit_code == 0, made.output
    folder = Path(made.output.strip().splitlines()[-1])
    files = ("laboratory.html", "gaps.csv", "elsewhere.csv", "summary.txt")
    first = {name: (folder / name).read_bytes() for name in files}
    again = make_laboratory(20, 1, 2, tmp_path)
    assert again.folder == folder
    assert {name: (folder / name).read_bytes() for name in files} == first
    assert pd.read_csv(folder / "gaps.csv")["rule"].tolist()[0] == OPTIMUM
    assert sorted(p.name for p in tmp_path.iterdir()) == [folder.name]


def test_a_number_out_of_range_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="paths is 1"):
        make_laboratory(1, reports=tmp_path)
    assert not list(tmp_path.iterdir())
