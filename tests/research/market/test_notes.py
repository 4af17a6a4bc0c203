"""Notes print as strings, and know which assets and days they are about."""

import json
import pickle

from cases import cases

from research.market import Note


def test_note_is_a_string_wherever_strings_go() -> None:
    note = Note("VOX did not trade.", ["VOX"], warning=True)
    assert note == "VOX did not trade."
    assert json.dumps([note]) == '["VOX did not trade."]'
    assert f"{note}" == " ".join([note])


def test_note_survives_pickling_whole() -> None:
    note = Note("Cut.", ["A", "B"], first="2020-01-02", last="2020-02-03", warning=True)
    assert vars(pickle.loads(pickle.dumps(note))) == vars(note)


def test_plain_sentence_becomes_a_note_about_everything() -> None:
    note = Note.of("Survivors only.")
    assert note.concerns(["SPY"])
    assert note.falls_in("1990-01-01", "1990-01-02")
    assert not note.warning
    assert Note.of(note) is note


@cases(
    "first, last, inside",
    (None, None, True),
    ("2020-01-01", "2020-01-09", False),
    ("2020-01-01", "2020-01-10", True),
    ("2020-01-12", "2020-01-13", True),
    ("2020-01-20", None, True),
    ("2020-01-21", None, False),
    (None, "2020-01-09", False),
)
def test_note_falls_into_days_that_it_shares(first: str | None, last: str | None, inside: bool) -> None:
    assert Note("Halted.", first="2020-01-10", last="2020-01-20").falls_in(first, last) is inside


def test_note_concerns_a_selection_that_has_one_of_its_lines() -> None:
    note = Note("Idle.", ["VOX", "VUG"])
    assert note.concerns(["SPY", "VUG"])
    assert not note.concerns(["SPY"])
