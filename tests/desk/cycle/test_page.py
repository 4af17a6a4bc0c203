"""The page and the briefing of a cycle: from its record alone, with all that the record says."""

import json
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from browser import check_page
from commanded import rebalance
from watched import OUTSIDE, banded, holding, steady

from desk.cycle.briefing import Sending, briefed, briefing
from desk.cycle.page import cycle_html
from desk.journal.records import CycleOutcome
from foundation.blocks import with_minus
from foundation.paper.render import per_cents
from research.orders.content import DISCLAIMER

FETCHED = Sending(is_fetched=True)
pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The record of a cycle that trades."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REBALANCE_HOME", str(tmp_path_factory.mktemp("home")))
        return made(tmp_path_factory.mktemp("desk"))


def made(tmp_path: Path, settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The record of a cycle of two assets, whose policy buys B, or what `settings` say."""
    given = {"cycle": {"worlds": 100}, **banded(0.05), **(settings or {})}
    rebalance("desk", "run", steady(tmp_path, given), "--record", tmp_path / "d.json")
    found: dict[str, Any] = json.loads((tmp_path / "d.json").read_text())
    return found


class Text(HTMLParser):
    """The words of a page without its style, and the tags that were opened and not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words, self.open = list[str](), list[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "br", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words += data.split()

    def __contains__(self, sentence: str) -> bool:
        return " ".join(with_minus(per_cents(sentence)).replace("`", "").split()) in " ".join(self.words)


def test_the_page_says_what_the_record_says(document: dict[str, Any]) -> None:
    outcome = CycleOutcome("0" * 64, "2022-12-01", 5, "defer", {"policy": -1.0, "defer": 0.25}, 1.25, 0.4, 0.75)
    html = cycle_html(document, [outcome])
    check_page(html, drawn=0)
    page, steps = Text(html), [step["output"] for step in document["steps"]]
    assert page.open == []
    assert "`" not in html
    assert "://" not in html.replace("http://www.w3.org/2000/svg", "")
    assert steps[5]["actions"]
    assert steps[4]["alternatives"]
    sentences = [
        *(each["sentence"] for each in steps[3]["readings"]),
        *(each["words"] for each in steps[4]["alternatives"]),
        *(each["rationale"] for each in steps[5]["actions"]),
        *steps[5]["reasons"],
        *(each["sentence"] for each in steps[6]["controls"]),
        *(step["narrative"] for step in document["steps"]),
        f"Status: {document['status']}",
        "2022-12-01 5 defer policy 1.25 0.75",
        DISCLAIMER,
        document["sha256"],
    ]
    assert [each for each in sentences if each not in page] == []
    assert [
        each for items in briefed(document).lists.values() for each in items if each.split(": rebalance")[0] not in page
    ] == []


def test_a_quiet_day_has_a_page_too(tmp_path: Path) -> None:
    document = made(tmp_path, holding(50, 100))
    page = Text(cycle_html(document))
    assert "Nothing triggers: alternatives are not weighed." in page
    assert briefed(document).playbook == (
        "Nothing is to be sent. Run the next cycle after the next close: rebalance desk run steady.yaml",
    )


def test_the_briefing_is_text_with_one_disclaimer(document: dict[str, Any]) -> None:
    said = " ".join(briefing(document).split())
    assert said.count(DISCLAIMER) == 1
    assert said.startswith("Steady holds 10,000.00 USD at the close of ")
    (sell, buy) = sorted(briefed(document).actions, reverse=True)
    assert sell.startswith("CRITICAL: sell ")
    assert buy.startswith("CRITICAL: buy ")


@pytest.mark.parametrize(
    ("status", "commands"),
    [
        ("finalised", ["desk run", "desk execute", "desk execute"]),
        ("awaiting approval", ["desk run", "desk approve", "desk execute", "desk execute"]),
        ("vetoed", ["data fetch", "desk run"]),
        ("unreconciled", ["desk run"]),
        ("executed", ["desk tca"]),
        ("partly executed", ["desk run"]),
        ("not sent", ["desk run"]),
    ],
)
def test_the_playbook_names_commands_that_there_are(document: dict[str, Any], status: str, commands: list[str]) -> None:
    steps = [each.split(": rebalance ")[1] for each in briefed(document, status, FETCHED).playbook]
    assert [" ".join(each.split()[:2]) for each in steps] == commands
    for each in steps:
        known = rebalance(*each.split()[:2], "--help").out
        assert all(option in known for option in each.split() if option.startswith("--"))


@pytest.mark.parametrize("status", ["finalised", "awaiting approval", "vetoed", "unreconciled", "executed", "not sent"])
def test_steps_without_a_command_line_name_no_command(document: dict[str, Any], status: str) -> None:
    said = briefed(document, status, FETCHED)
    assert said.steps
    for step, whole in zip(said.steps, said.playbook, strict=True):
        assert "rebalance" not in step
        assert step.endswith(".")
        assert whole.startswith(step[:-1])


def test_the_page_of_a_kept_record_is_that_of_its_cycle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the record names the file without its folder
    file = steady(tmp_path, {"cycle": {"worlds": 100}} | OUTSIDE).name
    rebalance("desk", "run", file, "--record", tmp_path / "cycle.html")
    rebalance("desk", "history", "--out", tmp_path / "pages")
    (kept,) = (tmp_path / "pages").iterdir()
    assert kept.read_bytes() == (tmp_path / "cycle.html").read_bytes()
    refused = rebalance("desk", "run", file, "--record", tmp_path / "cycle.pdf")
    assert (refused.status, "end it with .html" in refused.err) == (2, True)
