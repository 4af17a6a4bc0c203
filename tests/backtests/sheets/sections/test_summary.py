"""The summary in Markdown: valid tables, the words of the sheet and no others, and names that stay names."""

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import mistune
import pandas as pd
import pytest
from written import ORIGIN

from backtests.comparison import compare
from backtests.comparison.verdict import VerdictInputs, verdict_of
from backtests.runs.folder import MAIL
from backtests.sheets.pages.tearsheet import whole_sheet
from backtests.sheets.pictures.comparison.decision import decision_picture
from backtests.sheets.sections.front import downside
from backtests.sheets.sections.summary import markdown_table, plain, summary_markdown
from backtests.sheets.tables import looks_of
from desk.commands.report import trades_of
from foundation.paper.render import per_cents
from research.portfolio import load_portfolio

HOSTILE = (
    "a|b",
    "*bold*",
    "<script>alert(1)<script>",
    "[x](harm)",
    "# top",
    "1. one",
    "_u_",
    "&lt;",
    "~~gone~~",
    "`c`",
)


def read(markdown: str) -> str:
    """Markdown as HTML, by a reader that knows the tables of GitHub."""
    found = mistune.create_markdown(plugins=["table", "strikethrough"])(markdown)
    assert isinstance(found, str)
    return found


def text_of(fragment: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", fragment)).split())


def tables(page: str) -> list[list[list[str]]]:
    """Every table as rows of cells, the head first."""
    return [
        [
            [text_of(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)]
            for row in table.split("</tr>")
        ]
        for table in re.findall(r"<table>(.*?)</table>", page, re.S)
    ]


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return read((folder / MAIL).read_text(encoding="utf-8"))


def test_every_table_is_one_with_as_many_cells_in_each_row(folder, page) -> None:
    found, written = tables(page), (folder / MAIL).read_text(encoding="utf-8")
    assert len(found) == sum(line.startswith("| ---") for line in written.splitlines())
    for rows in found:
        assert len({len(row) for row in rows if row}) == 1, rows
        assert "|" not in " ".join(cell for row in rows for cell in row)


def test_it_says_the_sentences_of_the_sheet_and_no_others(folder, page) -> None:
    sheet = text_of((folder / "tearsheet.html").read_text(encoding="utf-8"))
    for sentence in re.findall(r"<(?:p|li)>(.*?)</(?:p|li)>", page, re.S):
        for part in re.split(r"</strong>:?", sentence):
            assert text_of(part) in sheet, part
    for rows in tables(page)[-1:]:
        for row in rows[1:]:
            assert all(cell in sheet for cell in row)


def test_it_has_verdict_figures_policies_trades_and_warnings(folder, page) -> None:
    numbers = json.loads((folder / "tearsheet.json").read_text(encoding="utf-8"))
    assert numbers["recommendation"]["verdict"]["do"] in text_of(page)
    for warning in numbers["warnings"]:
        assert text_of(warning) in text_of(page)
    assert text_of(per_cents(numbers["trades"]["headline"])) in text_of(page)
    decision, contest, (heads, *_), *_ = tables(page)
    said = numbers["recommendation"]["verdict"]
    assert said["heading"] in text_of(page)
    assert [row for row in decision if row] == [said["figures"]["heads"], *said["figures"]["rows"]]
    assert [row for row in contest if row] == [said["contest"]["heads"], *said["contest"]["rows"]]
    mattering = [head.partition(" ")[0] for head in heads[1:]]
    assert mattering[:2] == list(dict.fromkeys([numbers["recommendation"]["policy"], numbers["reference"]]))
    assert set(mattering) >= {*numbers["recommendation"]["as_good"], numbers["recommendation"]["now"]}
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles[:3] == ["Warnings", "The policies that matter", "Risk and stress"]
    assert titles[-1] == "This run"


def test_what_gains_are_taken_on_is_named_in_table_and_picture(comparison):
    made = comparison.recommendation
    for now, word in ((made.now, "now"), (None, "next best")):
        asked, head = replace(made, now=now), f"{made.base} ({word})"
        assert head in decision_picture(asked, looks_of(comparison).styles, comparison.portfolio).wide
        assert head in verdict_of(VerdictInputs(comparison, asked, comparison.evidence)).figures.heads


def test_the_worst_markets_have_the_figures_of_the_appendix(comparison, folder):
    numbers, losses = json.loads((folder / "tearsheet.json").read_text(encoding="utf-8")), downside(comparison)
    of = {one["name"]: one["policies"] for one in numbers["stress"]["episodes"] + numbers["stress"]["shocks"]}
    for (kind, market), row in losses.iterrows():
        assert row.notna().any()
        for name, loss in row.dropna().items():
            if kind != "worst of the test":
                found = of[market][name].get("total_return", of[market][name].get("total"))
            elif market == "maximum drawdown":
                found = numbers["figures"][name]["max_drawdown"]
            else:
                found = numbers["risk"][name]["extremes"][market.removeprefix("worst ")]["worst"]["value"]
            assert loss == pytest.approx(found, rel=1e-12), (market, name)
    past = [one["policies"].get(name) for one in numbers["stress"]["episodes"] for name in losses]
    worst = min(found["total_return"] for found in past if found)
    assert losses.loc["stress of the past"].min().min() == worst


def test_orders_of_the_day_are_in_a_table(comparison, page) -> None:
    listed = trades_of(comparison)
    assert len(listed.orders), "this test needs orders"
    found = next(table for table in tables(page) if table[0][0] == "asset")
    assert [row[0] for row in found[1:] if row] == listed.orders["asset"].tolist()
    assert [float(row[4].replace(",", "")) for row in found[1:] if row] == pytest.approx(
        listed.orders["notional"], abs=0.005
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_stays_a_name(name: str) -> None:
    assert text_of(read(f"{plain(name)}\n")) == name
    assert "<script" not in read(plain(name))
    assert "<a " not in read(plain(name))
    assert tables(read(markdown_table(["policy", "value"], [[name, "1"]])))[0][1] == [name, "1"]


def test_hostile_names_of_policies_and_lines_stay_names() -> None:
    desk = load_portfolio("data/portfolios/sixty_forty.yaml")
    lines = desk.market.instruments.set_axis(pd.Index(["<b>", "=a|b"], name="asset"))
    desk = replace(
        desk, name=HOSTILE[2], market=replace(desk.market, assets=tuple(lines.index), instruments=lines),
        policies={"quarterly": desk.policies["quarterly"], **dict.fromkeys(HOSTILE[:4], desk.policies["threshold"])},
    )  # fmt: skip
    comparison = compare(desk, draws=100)
    page = read(summary_markdown(whole_sheet(comparison, trades_of(comparison), ORIGIN)))
    assert "<script" not in page
    assert "<a " not in page
    told = text_of(page)
    assert all(name in told for name in ("quarterly", *HOSTILE[:4]))
