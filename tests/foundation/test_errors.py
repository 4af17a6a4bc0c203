"""Errors as data: what is wrong, how to mend it, the value found, and where."""

from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import MOST_TOLD, ConfigError, DataError, InputFault, all_mistakes
from foundation.table_files import fault

WORDS = st.text(st.sampled_from("ab 1'"), min_size=1, max_size=8).filter(lambda text: not text.isspace())


@given(st.lists(st.sampled_from([": found ", ". ", ": ", ", row 5", "a.csv", "'x'", "no price"]), max_size=8))
def test_the_parts_of_a_message_are_its_text_again(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert str(InputFault.of(text)) == text


@given(WORDS, WORDS, st.one_of(st.floats(), WORDS), st.integers(1, 10**6))
def test_the_parts_of_a_fault_are_found_in_its_message(column: str, meaning: str, found: object, row: int) -> None:
    made = fault("a.csv", row, column, meaning, found, "Write a number. Or leave it out.")
    if "'" in column or ". " in made.value:
        return  # a name or a value like a place or a sentence
    assert InputFault.of(str(made)) == made


def test_an_error_has_the_mistakes_of_its_file_apart() -> None:
    made = fault("a.csv", 3, "Price", "no number", "many", "Write one.")
    error = DataError(all_mistakes("a.csv", [made, "a.csv, row 4: no day. Give one."], "See the guide."))
    assert str(error).splitlines() == [
        "a.csv has 2 mistakes:",
        "- a.csv, row 3, column 'Price': no number: found 'many'. Write one.",
        "- a.csv, row 4: no day. Give one.",
        "See the guide.",
    ]
    assert error.findings == (made, InputFault("no day", "Give one. See the guide.", "", "a.csv, row 4"))
    many = DataError(all_mistakes("a.csv", [made] * (MOST_TOLD + 2)))
    assert (len(many.findings), str(many).splitlines()[-1]) == (MOST_TOLD + 2, "- and 2 more.")


def test_an_error_of_a_text_has_one_finding() -> None:
    error = ConfigError("a: unknown: found 'x'. Did you mean b?")
    assert error.findings == (InputFault("a: unknown", "Did you mean b?", "'x'"),)
    assert DataError().findings == (InputFault(""),)
