"""The governance page: who answers, which models are in force and validated, which controls, who approved what."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml
from browser import check_page
from commanded import FILE, ROOT, TRADES, rebalance
from full_runs import full_run

from desk.commands.cycle.governance import Governed, governed
from desk.journal import Journal
from desk.journal.tickets import judge
from desk.tickets.formats.ticket_json import read_ticket_file
from foundation.home import HOME
from research.portfolio import load_portfolio

DAY = "2022-12-30"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME, str(tmp_path / "home"))
    return tmp_path / "home"


def desk(tmp_path: Path, **keys: object) -> Path:
    (tmp_path / "desk.yaml").write_text(yaml.safe_dump(yaml.safe_load(FILE.read_text()) | keys))
    return tmp_path / "desk.yaml"


def found(file: Path) -> Governed:
    (one,) = governed([file], DAY)
    return one


@pytest.mark.parametrize(("review", "is_due"), [("2022-12-29", True), ("2022-12-30", False)])
def test_an_overdue_review_is_said(tmp_path: Path, review: str, is_due: bool) -> None:
    of = found(desk(tmp_path, governance={"owner": "Ada", "review": review}))
    assert of.head[0].startswith(
        f"Ada answers for {of.portfolio.name}; the next review is due by {review}; policy threshold is"
    )
    assert (f"The review of {of.portfolio.name} was due by {review}." in of.flags) is is_due
    assert not any("has no owner" in flag for flag in of.flags)


def test_the_newest_run_validates_until_the_file_changes(tmp_path: Path) -> None:
    file, reports = desk(tmp_path), tmp_path / "home" / "reports"
    assert "No whole run has validated it" in " ".join(found(file).flags)
    run = full_run(load_portfolio(file), reports, recommendation={"policy": "yearly"}, fitted={})
    of = found(file)
    day = json.loads((run / "manifest.json").read_text())["times"]["ended"][:10]
    assert of.head[1] == (
        f"It was last validated on {day} by run {run.name}, of the same file and data, which recommends yearly."
    )
    assert f"{of.portfolio.name}: the newest run recommends yearly, and threshold is in force." in of.flags
    governance = found(desk(tmp_path, governance={"owner": "Ada"}, cycle={"turnover": 0.1}))
    assert governance.head[1] == of.head[1]  # nothing that a report depends on
    changed = found(desk(tmp_path, tracking_penalty=7))
    assert "the file or its data have changed since" in changed.head[1]


def test_models_have_a_role_and_a_version_of_their_settings(tmp_path: Path) -> None:
    rows = {row[0]: row for row in found(desk(tmp_path)).models().rows}
    assert {name for name, row in rows.items() if row[1] == "champion"} == {"threshold"}
    assert rows["tuned"][-1] == "to be fitted"
    assert rows["tuned"][2] == "threshold, its band and destination chosen on the training days"
    tuned = {"band": 0.02, "within": 0.01, "seen": "2011-12-30"}
    full_run(
        load_portfolio(desk(tmp_path)),
        tmp_path / "home" / "reports",
        recommendation={"policy": None},
        fitted={"tuned": tuned},
    )
    fitted = {row[0]: row for row in found(desk(tmp_path)).models().rows}
    assert (fitted["tuned"][-1], fitted["threshold"][-1]) == ("2011-12-30", "–")
    policies = yaml.safe_load(FILE.read_text())["policies"]
    policies["threshold"]["band"] = 0.03125
    other = {row[0]: row for row in found(desk(tmp_path, policies=policies)).models().rows}
    assert {name for name in rows if rows[name][3] != other[name][3]} == {"threshold"}


def test_controls_in_force_have_their_values(tmp_path: Path, home: Path) -> None:
    file = desk(tmp_path, orders={"turnover": 0.04}, ticket={"approvals": 2, "sending": {"order_notional": 500_000}})
    rows = dict(found(file).controls().rows)
    assert "turnover 0.04" in rows["orders"]
    assert rows["ticket"] == "approvals 2"
    assert "order_notional 500,000" in rows["ticket.sending"]
    assert rows["cycle.var"] == "warning 0.03; critical 0.04"
    assert rows["STOP"] == "not there: orders can be sent"
    home.mkdir()
    (home / "STOP").touch()
    assert f"Nothing is sent while {home / 'STOP'} is there." in found(file).flags
    assert dict(found(file).controls().rows)["PAUSE"] == "not there; STOP is"


def test_approvals_and_refusals_have_persons_and_times(tmp_path: Path) -> None:
    file = desk(tmp_path)
    assert list(found(file).judged()) == []
    rebalance(*TRADES, file, "--out", tmp_path / "t.json")
    document = read_ticket_file(tmp_path / "t.json")
    for user, refusal in (("ada", ""), ("ben", "too large")):
        with Journal(user=user) as journal:
            judge(journal, document, "t.json", refusal)
    of = found(file)
    with Journal(read_only=True) as journal:
        moments = [asdict(each)["moment"][:19].replace("T", " ") for each in journal.entries(last=2)]
    assert [[row[0][:19], *row[1:2], *row[3:]] for row in of.judged()] == [
        [moments[1], "ben", "refusal", "too large"],
        [moments[0], "ada", "approval", "–"],
    ]


def test_one_page_has_all_portfolios_and_what_their_orders_cost(tmp_path: Path) -> None:
    file = desk(tmp_path)
    rebalance(*TRADES, file, "--out", tmp_path / "t.json")
    hash_ = json.loads((tmp_path / "t.json").read_text())["hash"]
    sent = rebalance("desk", "execute", tmp_path / "t.json", "--exchange", "paper", "--confirm", hash_[:8])
    assert sent.status == 0, sent.err
    scenarios = ROOT / "data" / "examples" / "cycle_of_scenarios.yaml"
    words = ("desk", "history", file, scenarios, "--view", "governance", "--as-of", DAY)
    done = rebalance(*words, "--out", tmp_path / "page.html")
    assert done.status == 0
    page = (tmp_path / "page.html").read_text()
    assert "://" not in page.replace("http://www.w3.org/2000/svg", "")
    check_page(page, drawn=0)
    for said in (done.out, page):
        assert "Multi-asset desk answers for Watched; the next review is due by 2023-06-30" in said
        assert "of the value wanted at the decision" in said
        assert "Cost by part" in said
    refused = rebalance(*words, "--out", tmp_path / "page.pdf")
    assert (refused.status, "end it with .html" in refused.err) == (2, True)
