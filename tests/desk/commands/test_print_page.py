"""Pages printed as PDF: whole, with header, numbers and outline; and a sentence where no browser can print."""

import re
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from browser import chromium
from commanded import FILE
from typer.testing import CliRunner

from backtests.runs.folder import MANIFEST, Run, write_json
from backtests.runs.manifest import sign
from backtests.runs.verify import verify
from backtests.sheets.render import render
from backtests.sheets.tables import table
from desk.commands import report
from desk.commands.made import Made
from desk.commands.print_page import print_page, write_pdf
from foundation.errors import ConfigError, DataError
from foundation.paper.browser import GIVEN
from foundation.paper.render import Running, css_string

TABLE = table(
    "A table that is longer than a sheet of paper",
    [f"column {k}" for k in range(6)],
    [["a policy", *["1.00"] * 5]] * 150,
)


def page(title: str = "A “batch” of <pages>") -> str:
    """A whole page of the workbench with one long table."""
    made: str = render(
        "laboratory.html.j2",
        Running(title, "closes of 2022-12-29", "run-1"),
        facts=[{"name": "Run", "words": "run-1"}],
        lead="A lead.",
        findings=["A finding."],
        sections=[],
        invested={"title": "Invested", "words": "Words.", "picture": PICTURE, "table": TABLE},
        result=TABLE,
    )
    return made


class PICTURE:
    """What a template needs of a picture."""

    name, title, caption, wide, narrow = "empty", "Empty", "Nothing.", "<svg class='wide'></svg>", ""


def signed(place: Path) -> Path:
    """The folder of a signed run with a page."""
    made = Run("report", "desk", "2022-12-29", {}, "f" * 64)
    folder = place / made.name
    folder.mkdir()
    (folder / "tearsheet.html").write_text(page(), encoding="utf-8")
    write_json(folder / MANIFEST, made.manifest())
    sign(folder, datetime.now(UTC))
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that is not printed."""
    return signed(tmp_path)


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run whose page was printed, which tests read."""
    chromium()
    folder = signed(tmp_path_factory.mktemp("printed"))
    assert print_page(folder) == folder / "tearsheet.pdf"
    return folder


def streams(pdf: bytes) -> bytes:
    """What is drawn on all sheets, decompressed."""
    found = b""
    for raw in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.S):
        try:
            found += zlib.decompress(raw)
        except zlib.error:
            continue
    return found


def test_a_page_is_printed_whole_with_an_outline(printed: Path) -> None:
    found = (printed / "tearsheet.pdf").read_bytes()
    assert found.startswith(b"%PDF")
    assert found.rstrip().endswith(b"%%EOF")
    sheets = len(re.findall(rb"/Type /Page\b", found))
    assert 5 < sheets < 20
    titles = re.findall(rb"/Title \(([^)]*)\)", found)
    assert {b"Invested", b"The rules", b"Definitions"} <= set(titles)
    assert b"://" not in b"".join(re.findall(rb"/URI \((.*?)\)", found))


def test_every_sheet_of_paper_has_its_header_and_number(printed: Path, tmp_path: Path) -> None:
    """Each has as many words more than a page that says nothing in its margins."""
    bare = tmp_path / "bare.html"
    bare.write_text(re.sub(r"@page \{ @top-left.*", "", (printed / "tearsheet.html").read_text(encoding="utf-8")))
    write_pdf(bare, tmp_path / "bare.pdf")
    with_margins, without = (p.read_bytes() for p in (printed / "tearsheet.pdf", tmp_path / "bare.pdf"))
    sheets = len(re.findall(rb"/Type /Page\b", with_margins))
    assert sheets == len(re.findall(rb"/Type /Page\b", without))
    more = streams(with_margins).count(b"BT") - streams(without).count(b"BT")
    assert more >= 4 * sheets
    assert more % sheets == 0


def test_a_print_leaves_the_run_as_it_was(printed: Path) -> None:
    assert verify(printed).changed == ()


def test_one_page_is_printed_by_its_path(run: Path) -> None:
    chromium()
    card = run.parent / "card.html"
    card.write_text(page())
    assert print_page(card) == card.with_suffix(".pdf")
    assert card.with_suffix(".pdf").read_bytes().startswith(b"%PDF")


def test_what_is_no_page_is_refused(run: Path) -> None:
    with pytest.raises(ConfigError, match=r"manifest\.json is no page"):
        print_page(run / MANIFEST)
    with pytest.raises(DataError, match="is no run"):
        print_page(run.parent)
    (run / "tearsheet.html").unlink()
    with pytest.raises(DataError, match="has no page to print"):
        print_page(run)


def test_without_a_browser_a_sentence_says_how_to_get_one(run: Path, monkeypatch) -> None:
    monkeypatch.setenv(GIVEN, "/no/browser")
    with pytest.raises(ConfigError, match=r"apt-get install chromium.*or print it from any browser"):
        print_page(run)
    assert [p.name for p in run.iterdir() if p.suffix == ".pdf"] == []
    assert verify(run).changed == ()


@pytest.mark.parametrize(
    "script", ["exit 3", "echo it broke >&2", 'for a; do case $a in --print-to-pdf=*) echo x > "${a#*=}";; esac; done']
)
def test_a_browser_that_prints_nothing_leaves_what_was_there(
    run: Path, monkeypatch, tmp_path: Path, script: str
) -> None:
    own = tmp_path / "broken"
    own.write_text(f"#!/bin/sh\n{script}\n")
    own.chmod(0o755)
    monkeypatch.setenv(GIVEN, str(own))
    (run / "tearsheet.pdf").write_bytes(b"%PDF of before")
    with pytest.raises(DataError, match=r"did not print .*Print it from a browser"):
        print_page(run)
    assert (run / "tearsheet.pdf").read_bytes() == b"%PDF of before"


def test_a_report_is_whole_without_a_browser_and_its_print_is_asked_for(run: Path, monkeypatch) -> None:
    from desk.cli import app

    monkeypatch.setattr(report, "make_report", lambda *_, **__: Made(run, "the report"))
    monkeypatch.setenv(GIVEN, "/no/browser")
    done = CliRunner().invoke(app, ["report", str(FILE), "--pdf", "page"])
    assert "the report" in done.output
    assert isinstance(done.exception, ConfigError)
    assert verify(run).changed == ()
    assert CliRunner().invoke(app, ["report", str(FILE)]).exception is None


def test_no_name_ends_the_style_or_the_string() -> None:
    said = css_string('a "b" \\ </style> } * { display: none }\n@page')
    assert said.startswith('"')
    assert said.count('"') == 2
    assert not set("<>{}@").intersection(said)
    assert "\n" not in said
    assert "</style>" not in page("</style><script>alert(1)</script>").partition("@top-left")[2].partition(";")[0]
