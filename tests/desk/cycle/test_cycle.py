"""Whole cycles: who decides, what stands against it, the record and its chain, the journal, the screen."""

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest
import yaml
from commanded import Done, rebalance
from watched import GROWTH, OUTSIDE, banded, holding, steady

from desk.commands.cycle.governance import governed
from desk.cycle.briefing import briefing
from desk.cycle.cycle import Cycle, run_cycle
from desk.cycle.page import cycle_html
from desk.cycle.screen import decision_text, readings_text, screen, timeline
from desk.journal import Journal
from foundation.canonical import content_hash
from foundation.errors import ConfigError
from foundation.paper.text_tables import TEXT_WIDTH
from research.portfolio import load_portfolio
from research.rules.regime_threshold import BandToday

DATA = Path(__file__).parents[3] / "data"
DESK, SCENARIOS = DATA / "portfolios" / "desk.yaml", DATA / "examples" / "cycle_of_scenarios.yaml"
ADAPTIVE = DATA / "examples" / "rule_regime_threshold.yaml"
PORT_A, FETCHED = (DATA / "portfolios" / f"port_a_techgrowth{end}.yaml" for end in ("_simulated", ""))
DAY = "2022-12-30"
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
AGENTS = ["supervisor", "market data", "forecast", "risk", "optimiser", "execution", "supervisor"]
pytestmark = pytest.mark.usefixtures("home")


def cycle(file: Path, changes: dict[str, Any] | None = None, as_of: str = DAY) -> Cycle:
    portfolio = load_portfolio(file, {"cycle.worlds": 100} | (changes or {}))
    name = portfolio.policy or portfolio.reference
    return run_cycle(portfolio, portfolio.policies[name], name, as_of=pd.Timestamp(as_of) if as_of else None)


def test_the_policy_decides_unless_the_file_says_scenarios() -> None:
    of_policy = cycle(SCENARIOS, {"cycle.decides": "policy"})
    of_scenarios = cycle(SCENARIOS)
    assert of_policy.decision.chosen == "policy"
    assert of_scenarios.analysis is not None
    assert of_scenarios.decision.chosen == of_scenarios.analysis.best.name
    assert of_scenarios.analysis.table().equals(of_policy.analysis.table())  # type: ignore[union-attr]


def test_scenarios_leave_the_policy_only_for_what_is_worth_a_change() -> None:
    kept = cycle(SCENARIOS, {"materiality_bps": 1.0})
    assert kept.analysis is not None
    assert 0.0 < -kept.analysis.apart(kept.analysis.best.name).value < 1.0
    assert (kept.decision.chosen, kept.decision.confidence) == ("policy", None)
    assert kept.steps[4].narrative.startswith(
        f"Recommended: policy. {kept.analysis.best.name} is expected to lose least"
    )


def test_a_quiet_day_weighs_nothing_and_waits(tmp_path: Path) -> None:
    made = cycle(steady(tmp_path, holding(50, 100) | banded(0.05)), as_of="")
    assert made.monitor.status == "quiet"
    assert made.analysis is None
    assert (made.decision.status, made.decision.actions) == ("finalised", ())
    assert "it trades above 55.00 %" in made.decision.timing or "it trades below 45.00 %" in made.decision.timing


@pytest.mark.parametrize(
    ("changes", "name", "status"),
    [
        ({"cycle.turnover": 0.01}, "turnover", "awaiting approval"),
        ({"cycle.var": {"warning": 0.001, "critical": 0.002}}, "VaR", "awaiting approval"),
        (
            {"cycle.acts": {"venue": "paper", "notional": 1e9, "turnover": 1.0, "orders": 1}},
            "acts",
            "awaiting approval",
        ),
        ({"orders.max_age": 0}, "prices", "vetoed"),
    ],
)
def test_a_control_of_the_file_escalates_or_vetoes(changes: dict[str, Any], name: str, status: str) -> None:
    made = cycle(DESK, changes)
    assert name in {each.name for each in made.decision.controls if each.effect != "passes"}
    assert made.decision.status == status


def test_a_notebook_has_the_same_words_in_narrower_lines() -> None:
    made = cycle(SCENARIOS)
    for text in (lambda width: decision_text(made, width), lambda width: timeline(made.document, width)):
        wide, narrow = text(TEXT_WIDTH), text(80)
        assert max(map(len, wide.splitlines())) > 80 >= max(map(len, narrow.splitlines()))
        assert sorted(wide.split()) == sorted(narrow.split())
    assert max(map(len, readings_text(made, 80).splitlines())) <= 80


def test_a_band_that_adapts_says_by_how_much_and_for_how_long() -> None:
    made = cycle(ADAPTIVE, {"policy": "adaptive", "last_trade": "2022-12-23"})
    assert made.decision.band == BandToday(0.04, 2.0, 7, "SPY is high, and the last trade was 3 sessions ago")
    said = " ".join(screen(made).split())
    assert f"Band: 4 points, 2 times its usual width: {made.decision.band.why}; the trade counts for 7 sessions" in said
    assert cycle(DESK).decision.band is None


def test_a_portfolio_of_one_class_reads_its_sectors_and_no_class() -> None:
    """Technology, energy and benchmarks on simulated prices: what all assets are in says nothing that cash does not."""
    made = cycle(PORT_A)
    readings = {each.name: each.sentence for each in made.monitor.readings}
    assert readings["drift of a sector"] == "technology is 0.55 points over target"
    assert "drift of a class" not in readings
    target, sectors = made.portfolio.target, made.portfolio.market.instruments["sector"]
    sums = {name: target[(sectors == name).to_numpy()].sum() for name in ("technology", "energy", "benchmarks")}
    assert sums == pytest.approx({"technology": 0.55, "energy": 0.12, "benchmarks": 0.33})
    assert [(each.priority, each.asset, each.action) for each in made.decision.actions] == [
        ("HIGH", "NVDA", "sell"), ("MEDIUM", "META", "buy"),
    ]  # fmt: skip
    assert made.analysis is not None
    assert "sector" in made.analysis["defer"].listed.also  # no order has one name


def test_the_same_portfolio_on_fetched_prices_names_the_command_that_fetches_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REBALANCE_DATA", str(tmp_path))
    with pytest.raises(ConfigError, match=r"has no prices yet .*port_a_techgrowth\.yaml.*Run `rebalance data fetch"):
        load_portfolio(FETCHED)
    fetched, on_simulated = (yaml.safe_load(path.read_text("utf-8")) for path in (FETCHED, PORT_A))
    for key in ("costs", "limits", "benchmark", "cycle", "policies", "policy"):
        assert fetched[key] == on_simulated[key]
    for asset, line in fetched["lines"].items():
        assert line == on_simulated["lines"][asset] | {"shares": 0}


def test_a_trade_that_is_booked_later_is_told_with_its_worth() -> None:
    made = cycle(SCENARIOS, {"tracking_penalty": 0.01})  # so low that what is put off saves its cost
    assert made.analysis is not None
    (said,) = (each for each in made.decision.reasons if each.startswith("Booked 1 session later, "))
    for sessions, (apart, error) in made.analysis.waiting.items():
        money = abs(apart) * 1e-4 * made.portfolio.nav
        more = "more" if apart > 0.0 else "less"
        assert f"{abs(apart):.2f} bp a year ({money:,.0f} USD, error {error:.2f} bp) {more}" in said
        assert f"{sessions} session" in said
    assert " less" in said


def test_each_step_states_the_hash_of_what_it_was_given() -> None:
    made = cycle(SCENARIOS)
    assert [step.agent for step in made.steps] == AGENTS
    for before, after in zip(made.steps, made.steps[1:], strict=False):
        assert after.input == content_hash(before.output)
    document = json.loads(json.dumps(made.document))
    timeless = [{key: value for key, value in step.items() if key != "at"} for step in document["steps"]]
    whole = {key: document[key] for key in ("schema", "status", "code")} | {"steps": timeless}
    assert document["sha256"] == content_hash(whole)
    assert cycle(SCENARIOS).document["sha256"] == document["sha256"]
    assert cycle(SCENARIOS, {"cycle.seed": 8}).document["sha256"] != document["sha256"]


@pytest.mark.parametrize("file", [DESK, SCENARIOS, DATA / "portfolios" / "forecasts.yaml", ADAPTIVE])
def test_a_record_is_as_its_schema_says(file: Path) -> None:
    schema = json.loads((DATA.parent / "docs" / "schemas" / "decision-1.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    document = json.loads(json.dumps(cycle(file).document))
    jsonschema.validate(document, schema)
    document["steps"][3]["output"]["readings"][0]["level"] = "mild"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)


@pytest.mark.parametrize(
    ("file", "policy"),
    [
        ("orders_in_two_currencies", "quarterly"),
        ("orders_of_accounts", "quarterly"),
        ("orders_within_limits", "quarterly"),
        ("market_of_months", "quarterly"),
    ],
)
def test_accounts_currencies_limits_and_months_are_weighed_or_said(file: str, policy: str) -> None:
    made = cycle(DATA / "examples" / f"{file}.yaml", {"policy": policy}, as_of="")
    if made.analysis is not None:
        assert not made.analysis["defer"].listed.trades.orders.size
        assert made.analysis["defer"].parts[0].max() == 0.0
    assert made.decision.status in screen(made)


def test_an_alternative_states_its_classes_after_its_orders() -> None:
    made = cycle(SCENARIOS)
    portfolio, weighed = made.portfolio, made.steps[4].output["alternatives"]
    classes = portfolio.market.instruments["asset_class"]
    for row in weighed:
        nav = row["cash"] + sum(row["held"].values())
        by_hand = {name: 0.0 for name in classes}
        for asset, amount in row["held"].items():
            by_hand[classes[asset]] += amount / nav
        assert row["groups"]["asset_class"] == pytest.approx(by_hand)


def run(*words: object) -> Done:
    return rebalance("desk", "run", *words)


def test_a_cycle_is_journalled_once_and_its_record_kept(tmp_path: Path, home: Path) -> None:
    first = run(SCENARIOS, "--as-of", DAY, "--record", tmp_path / "decision.json")
    again = run(SCENARIOS, "--as-of", DAY)
    assert first.status == again.status == 0
    assert "nothing new is journalled" in again.out
    with Journal(read_only=True) as journal:
        (entry,) = journal.entries(kind="cycle")
    exported = json.loads((tmp_path / "decision.json").read_text())
    (kept,) = (home / "cycles" / "Watched").iterdir()
    assert kept.name == f"2022-12-29-{entry.record.sha256[:8]}.json"
    assert json.loads(kept.read_text()) == exported
    assert entry.record.sha256 == exported["sha256"]
    id_ = entry.record.sha256[:8]
    line = rf"2022-12-29  run {entry.moment[:10]} {entry.moment[11:16]} UTC  {id_}  Watched  finalised, "
    assert rebalance("desk", "history").out.startswith(f"{line}{entry.record.chosen}: ")
    shown = rebalance("desk", "history", id_, "--view", "record").out
    assert shown == f"{briefing(exported)}\n\n{timeline(exported)}\n"
    assert "Top actions:" in shown
    assert exported["steps"][4]["at"] in shown
    none = rebalance("desk", "history", "g", "--view", "record")
    assert (none.status, "no records begin so" in none.err) == (2, True)


def test_history_goes_by_session_and_tells_an_altered_journal(home: Path) -> None:
    for day in (DAY, "2022-12-28"):
        run(SCENARIOS, "--as-of", day)
    listed = rebalance("desk", "history").out
    assert [line[:10] for line in listed.splitlines()] == ["2022-12-28", "2022-12-29"]
    assert rebalance("desk", "history", "--limit", 1).out == f"{listed.splitlines()[1]}\n"
    rows = sqlite3.connect(home / "journal.sqlite")
    rows.execute("DROP TRIGGER never_changed")
    rows.execute("UPDATE entries SET user = 'another' WHERE sequence = 1")
    rows.commit()
    told = "Warning: The journal was altered: Entry 1: it was changed: its hash is not that of its fields."
    assert " ".join(rebalance("desk", "history").out.split()).endswith(told)
    (of,) = governed([SCENARIOS], DAY)
    assert told.removeprefix("Warning: ") in of.flags


@pytest.mark.parametrize("name", ["cycle.json", "cycle.html"])
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_decided(
    name: str, tmp_path: Path, home: Path
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    refused = run(SCENARIOS, "--as-of", DAY, "--record", folder)
    assert (refused.status, "it is a folder" in refused.err) == (2, True)
    assert not home.exists()


def test_outcomes_of_earlier_cycles_are_journalled_once_they_are_known(tmp_path: Path, home: Path) -> None:
    file = steady(tmp_path, {**OUTSIDE, "cycle": {"worlds": 100}})
    days = pd.read_csv(tmp_path / "prices.csv")["date"]
    first = run(file, "--as-of", days.iloc[-7])
    assert "Earlier decisions" not in first.out
    later = run(file, "--as-of", days.iloc[-1])
    with Journal(read_only=True) as journal:
        found = [entry.record for entry in journal.entries(kind="outcome")]
        cycles = [entry.record for entry in journal.entries(kind="cycle")]
    assert [(each.cycle, each.sessions) for each in found] == [(cycles[0].sha256, 1), (cycles[0].sha256, 5)]
    after_one = "Earlier decisions: after 1 session 1 of 1 was the best (expected 1.0), mean regret 0.00 bp or 0 USD"
    assert after_one in " ".join(later.out.split())
    assert later.out.count("hold the costs") == 1
    for each in found:  # all years are the one that came
        assert (each.expected_best, each.expected_regret) == (1.0, pytest.approx(each.regret, abs=1e-9))
    (kept,) = (home / "cycles" / "Steady").glob(f"*-{cycles[0].sha256[:8]}.json")
    steps = json.loads(kept.read_text())["steps"]
    for each in steps[4]["output"]["alternatives"]:
        (a, b), lost = each["held"].values(), each["paid"] / steps[0]["output"]["nav"]
        for _ in range(5):
            lost += 5.0 / 2.0 * (a * GROWTH / (a + b + each["cash"]) - 0.5 * GROWTH) ** 2
            a *= 1.0 + GROWTH
        assert found[1].losses[each["alternative"]] == pytest.approx(1e4 * lost)
    assert found[1].regret == pytest.approx(found[1].losses["policy"] - min(found[1].losses.values()))
    run(file, "--as-of", days.iloc[-1])
    with Journal(read_only=True) as journal:
        assert len(list(journal.entries(kind="outcome"))) == 2


def test_a_record_that_was_changed_is_told_and_judges_nothing(tmp_path: Path, home: Path) -> None:
    file = steady(tmp_path, {**OUTSIDE, "cycle": {"worlds": 100}})
    days = pd.read_csv(tmp_path / "prices.csv")["date"]
    run(file, "--as-of", days.iloc[-7])
    (kept,) = (home / "cycles" / "Steady").iterdir()
    for text in (kept.read_text().replace('"paid": ', '"paid": 1'), ""):
        kept.write_text(text)
        later = run(file, "--as-of", days.iloc[-1])
        assert later.status == 3
        assert "does not hold the record that the journal states" in " ".join(later.out.split())
    with Journal(read_only=True) as journal:
        assert not list(journal.entries(kind="outcome"))


def test_a_person_is_asked_with_status_3(tmp_path: Path) -> None:
    file = tmp_path / "desk.yaml"
    text = DESK.read_text().replace("desk_positions.csv", str(DESK.parent / "desk_positions.csv"))
    file.write_text(f"{text}\ncycle: {{worlds: 100, turnover: 0.01}}\n")
    asked = run(file, "--as-of", DAY, "--out", tmp_path / "t.json")
    assert asked.status == 3
    assert "\nStatus: awaiting approval\n" in asked.out
    steps = asked.out.partition("What to do next:\n")[2]
    assert "--out" not in steps  # it was written
    assert re.findall(rf"rebalance desk (\w+) {re.escape(str(tmp_path / 't.json'))}", steps) == [
        "approve",
        "execute",
        "execute",
    ]
    assert json.loads((tmp_path / "t.json").read_text())["approvals"] == 1
    sent = rebalance("desk", "execute", tmp_path / "t.json", "--exchange", "paper", "--dry-run")
    assert (sent.status, "Failed, approved" in sent.out) == (1, True)


def test_a_list_of_scenarios_is_made_anew_by_a_cycle(tmp_path: Path) -> None:
    file = tmp_path / SCENARIOS.name
    file.write_text(SCENARIOS.read_text())
    run(file, "--as-of", DAY, "--out", tmp_path / "s.json")
    assert json.loads((tmp_path / "s.json").read_text())["policy"].startswith("cycle: ")
    file.write_text(file.read_text() + "# changed\n")
    changed = rebalance("desk", "execute", tmp_path / "s.json", "--exchange", "paper", "--dry-run")
    assert f"rebalance desk run {file} --as-of 2022-12-29 --out {tmp_path / 's.json'}" in changed.out


def test_the_tile_of_volatility_names_its_regime() -> None:
    document = cycle(SCENARIOS).document
    assert "<b>90</b><small>high</small>" in cycle_html(document)


def test_a_vetoed_list_is_not_written(tmp_path: Path) -> None:
    vetoed = run(SCENARIOS, "--as-of", "2023-03-01", "--out", tmp_path / "t.json")
    assert vetoed.status == 0
    assert "Nothing was written: the orders are vetoed." in vetoed.out
    assert not (tmp_path / "t.json").exists()
    said = " ".join(vetoed.out.split())
    assert "of 2022-12-29, 41 sessions ago; at most 2 are allowed" in said
    assert "When: once the controls pass." in said
    assert "at the session of" not in said
    assert "What to do next: - Bring the prices that" in said


def test_the_screen_is_as_it_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte for byte but for the moment: a change of the screen is read whole before its file is renewed."""
    monkeypatch.chdir(SCENARIOS.parent)
    said = re.sub(MOMENT, "MOMENT", run(SCENARIOS.name, "--as-of", DAY).out)
    assert said == (Path(__file__).parent / "screens" / "cycle_of_scenarios.txt").read_text()


def test_the_timeline_names_each_agent_in_turn() -> None:
    told = run(SCENARIOS, "--as-of", DAY, "--view", "timeline").out
    assert [agent for agent in AGENTS if f"  {agent}: " in told] == AGENTS
    assert "\nStatus: finalised\n" in told
