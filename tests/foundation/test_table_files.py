"""The door for tables: what it opens, what it refuses, and how it reads numbers and quotes what it found."""

import gzip
from pathlib import Path

import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from foundation import table_files
from foundation.errors import DataError

TEXT = "a,b\nSociété,1\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_every_encoding_gives_the_same_text(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "t.csv").write_bytes(TEXT.encode(encoding))
    assert table_files.read_text(tmp_path / "t.csv").text == TEXT
    assert table_files.read_text(tmp_path / "t.csv").notes == ()


def test_windows_1252_is_read_where_it_may_be_guessed_and_noted(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(TEXT.encode("cp1252"))
    assert table_files.read_text(path, guess=True).text == TEXT
    assert table_files.read_text(path, guess=True).notes == ("t.csv is not in UTF-8: it is read as Windows-1252.",)
    with pytest.raises(DataError, match=r"t\.csv is no text in UTF-8\. Export it as CSV"):
        table_files.read_text(path)


@pytest.mark.parametrize("odd", "\0\x01\x1b\x7f\x85\u200b\u200e\u202e\u2066\u2028\ufeff")
def test_a_character_that_is_not_printed_is_refused_with_its_line(tmp_path: Path, odd: str) -> None:
    (tmp_path / "t.csv").write_text(f"a,b\nA-{odd}100,1\n", encoding="utf-8")
    said = r"t\.csv, line 2: a control character or another one that is not printed: found '"
    with pytest.raises(DataError, match=said):
        table_files.read_text(tmp_path / "t.csv", guess=True)


def test_what_may_be_cut_off_is_noted(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\nx,12")
    (note,) = table_files.read_text(tmp_path / "t.csv").notes
    assert note == "t.csv does not end with a line break: compare its last row, which may be cut off."


def test_a_file_that_is_too_large_is_refused_packed_or_not(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"1" * 2_000)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"1" * 2_000))
    for name in ("t.csv", "t.csv.gz"):
        assert len(table_files.read_bytes(tmp_path / name, 2_000)) == 2_000
        with pytest.raises(DataError, match="has more than"):
            table_files.read_bytes(tmp_path / name, 1_999)


@cases(
    "content, said",
    (b"", "is empty"),
    (b" \n\n", "is empty"),
    (b"%PDF-1.7", "is a workbook or a PDF"),
    (b"\xff\xfe\xff", "is no text"),
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=said):
        table_files.read_text(tmp_path / "t.csv")
    for path in (tmp_path / "nowhere.csv", tmp_path, tmp_path / "a\0b.csv"):
        with pytest.raises(DataError, match="cannot be read"):
            table_files.read_text(path)


def test_rows_begin_at_their_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a,b\r\n"two\r\nlines",1\r\n\r\nc,2\r\n')
    assert [line for line, _ in table_files.read_text(tmp_path / "t.csv").rows()] == [1, 2, 4, 5]
    (tmp_path / "t.csv").write_text('a,b\n"c,1\n')
    with pytest.raises(DataError, match="unexpected end of data, in the row that begins at line 2"):
        list(table_files.read_text(tmp_path / "t.csv").rows())


@given(
    st.decimals(-9_999_999, 9_999_999, places=4),
    st.sampled_from(".,"),
    st.sampled_from(["", " ", "'", "\u202f", "x"]),
    st.sampled_from(["-{}", "({})", "{}-", "−{}"]),
    st.sampled_from(["{}", "${}", "{} EUR", "US${}"]),
)
def test_a_number_of_any_style_reads_back(value: object, decimal: str, group: str, minus: str, unit: str) -> None:
    group = ",."[decimal == ","] if group == "x" else group
    text = f"{abs(float(str(value))):,.4f}".replace(",", "G").replace(".", decimal).replace("G", group)
    read = table_files.number_of_cell((minus if float(str(value)) < 0 else "{}").format(unit.format(text)), decimal)
    assert read.value == float(str(value))


@cases("text", "1,00", "1.2.3", "--5", "(5", "5 %", "1_000", "nan", "inf", "0x10", "٣٤", "１２", "1,0000", "5 USD EUR")
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        table_files.number_of_cell(text)
    assert table_files.plain_number(text) is None


def test_a_day_is_written_in_one_way() -> None:
    assert str(table_files.iso_day("2022-12-29")) == "2022-12-29"
    assert [
        table_files.iso_day(text) for text in ("2022-W52-4", "20221229", "2022-02-30", "29.12.2022", "2022-12-29 ", "")
    ] == [None] * 6


@given(st.text(max_size=500))
def test_a_message_quotes_a_short_piece_on_one_line(text: str) -> None:
    said = str(table_files.fault("t.csv", 3, text, "wrong", text, "Mend it."))
    assert len(table_files.quoted(text)) <= table_files.QUOTED
    assert len(said) <= 2 * table_files.QUOTED + 60
    assert said.isprintable()


def test_a_path_is_below_a_folder_wherever_its_links_lead(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "away").symlink_to(tmp_path)
    assert table_files.is_below(inside / "a.yaml", inside)
    assert table_files.is_below(tmp_path / "a.yaml", inside, tmp_path)
    for path in (inside / "../a.yaml", inside / "away/a.yaml", Path("/etc/passwd"), inside / "a\0b"):
        assert not table_files.is_below(path, inside)


def test_na_is_no_number_and_may_be_a_ticker() -> None:
    """National Bank of Canada trades as NA."""
    assert table_files.text_of_cell("NA") == "NA"
    assert table_files.number_of_cell("NA") is None
    with pytest.raises(ValueError, match="1e999"):
        table_files.number_of_cell("1e999")


@cases(
    "texts, delimiter, sign, noted",
    (["1,5", "2,25"], ";", ",", False),
    (["1,234.50", "1,234"], ";", ".", False),
    (["1.234.567"], ";", ",", False),
    (["1.5", "1,5"], ";", ".", False),
    (["1,234"], ",", ".", True),
    ([], ";", ".", False),
)
def test_the_decimal_sign_is_the_one_that_numbers_prove(
    texts: list[str], delimiter: str, sign: str, noted: bool
) -> None:
    found, note = table_files.decimal_sign(texts, "t.csv", delimiter, "State it")
    assert (found, bool(note)) == (sign, noted)


def test_numbers_that_read_two_ways_are_refused_with_the_first() -> None:
    with pytest.raises(DataError, match=r"t\.csv: .*a decimal point or a decimal comma: found '1,234'\. State it\.$"):
        table_files.decimal_sign(["1,234", "5"], "t.csv", ";", "State it")


@pytest.mark.parametrize("text", ["1640€01", "1 €234", "12 EUR 50", "1$.5"])
def test_a_unit_between_digits_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match=r"[0-9]"):
        table_files.number_of_cell(text)
