"""`make outputs` compares every command, and of each page words, pictures and markup, without what must differ."""

import runpy
from pathlib import Path
from typing import Any

import pytest

PAGE = '<h1 class="a">Costs</h1><svg><path d="M0 1"/></svg><p>4.2 bp</p>'


@pytest.fixture
def outputs() -> dict[str, Any]:
    """The names of the script."""
    return runpy.run_path(str(Path(__file__).parents[2] / ".ci" / "outputs.py"))


def test_each_command_is_run_or_left_out_for_a_reason(outputs: dict[str, Any]) -> None:
    outputs["refuse_forgotten"]()
    del outputs["SESSIONS"]["tour"]
    with pytest.raises(SystemExit, match="runs tour: add it"):
        outputs["refuse_forgotten"]()
    outputs["LEFT_OUT"] |= {"tour": "takes a minute", "desk sell": "sells"}
    with pytest.raises(SystemExit, match="names desk sell: the command line"):
        outputs["refuse_forgotten"]()


@pytest.mark.parametrize(
    ("part", "changed", "lines"), [("4.2", "4.3", 1), ("M0 1", "M0 2", 2), ('"a"', '"b"', 1), ("<p>", "<p><b>", 1)]
)
def test_a_change_of_a_word_a_picture_or_the_markup_of_a_page_is_seen(
    outputs: dict[str, Any], part: str, changed: str, lines: int
) -> None:
    before, after = (outputs["words_of"](page).splitlines() for page in (PAGE, PAGE.replace(part, changed)))
    assert sum(one != other for one, other in zip(before, after, strict=True)) == lines


def test_times_and_names_that_hold_them_are_masked_and_numbers_are_not(outputs: dict[str, Any]) -> None:
    said = "made 2026-11-28T17:44:01Z: sixty_forty-2022-12-29-0a1b2c3d, 4.20 bp"
    assert outputs["masked"](f"12:00:01 starting, 2 s\n{said}") == "made TIME: sixty_forty-2022-12-29-RUN, 4.20 bp"
