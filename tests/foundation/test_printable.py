"""Text on any terminal: nothing in it is obeyed, and nothing of it is lost in a traceback."""

import io
import unicodedata

import pytest

from foundation.printable import REPLACED_SIGNS, print_anywhere, printable
from foundation.progress import bar

TURNS = [chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]
# All of Unicode's stand below U+00A0, for ever: its stability policy says so.
CONTROLS = [c for c in map(chr, range(0xA0)) if unicodedata.category(c) == "Cc" and c not in "\n\t"]


def written(text: str, encoding: str) -> bytes:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    print_anywhere(stream)
    stream.write(text)
    stream.flush()
    return raw.getvalue()


@pytest.mark.parametrize("sign", [*CONTROLS, *TURNS], ids=ascii)
def test_no_control_character_is_left(sign: str) -> None:
    shown = printable(f"a{sign}b")
    assert shown == f"a{sign.encode('unicode_escape').decode()}b".replace("\\r", "\\r")
    assert all(unicodedata.category(c) not in ("Cc", "Cf") for c in shown)


def test_all_other_text_is_left_as_it_is() -> None:
    text = "a\tb\nc − d … é ü 日本 🙂 \\x1b"
    assert printable(text) == text


def test_a_job_of_a_hostile_name_shows_no_control_character() -> None:
    with bar(None, "fitting \x1b[2J", shown=False) as job:
        assert str(job) == "fitting \\x1b[2J"
        job.stage("playing \x9b2J")
        assert str(job) == "playing \\x9b2J"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_every_sign_is_written_in_every_encoding(encoding: str) -> None:
    for sign, plain in REPLACED_SIGNS.items():
        try:
            expected = sign.encode(encoding)
        except UnicodeEncodeError:
            expected = plain.encode("ascii")
        assert written(sign, encoding) == expected


def test_a_sign_without_an_equivalent_is_a_question_mark_and_columns_stay() -> None:
    assert written("日本  −1.5\nSPY – 2.0\n", "ascii").decode() == "??  -1.5\nSPY - 2.0\n"
    assert written("path \udcff", "utf-8") == b"path ?"  # a byte of a file name that is no UTF-8


def test_a_stream_without_an_encoding_is_left_as_it_is() -> None:
    stream = io.StringIO()
    print_anywhere(stream)
    stream.write("−")
    assert stream.getvalue() == "−"
