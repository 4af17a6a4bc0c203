"""The audit of a portfolio's policies: on the command line, and in one line of each tearsheet."""

import os
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from commanded import FILE, rebalance

from backtests.comparison.fitting.candidates import Fitted
from backtests.studies.audits.look_ahead import LookAhead
from backtests.studies.audits.portfolio_audit import SESSIONS, audit_policy, sheet_line
from benchmarks.look_ahead import CHEATS, HONEST, Counts, audited, unseeded_random
from research.accounting import Execution, Flows
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.file.own_class import TRUST
from research.rules import Rule

MODULE = """
from dataclasses import dataclass
from research.accounting import Hold, Trade
from research.allocation import Allocation

@dataclass(frozen=True)
class Peeks:
    allocation: Allocation
    def decide(self, view):
        past = view.past
        ahead = past._market.returns[min(past.t + 1, len(past._market.dates) - 1), 0]
        return Trade.to(view.target) if past.date.day > 25 and ahead > 0 else Hold()
"""


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load_portfolio(FILE)


# -- the panel of `python -m benchmarks.look_ahead`, on one seed ------------------------------------------------------


@pytest.mark.parametrize("kind", CHEATS)
def test_a_cheat_is_caught(kind) -> None:
    assert audited(kind, 1, days=6).result == "failed"


@pytest.mark.parametrize("kind", HONEST)
def test_an_honest_oddity_is_not_accused(kind) -> None:
    assert audited(kind, 2, days=6).result == ("not repeatable" if kind is unseeded_random else "passed")


# -- as it is used -----------------------------------------------------------------------------------------------------


def test_the_audit_plays_the_execution_and_the_flows_of_the_file(portfolio: Portfolio) -> None:
    """Its decisions are those of a desk that trades at once only in lots, and that pays out money each quarter."""
    policy, dates = portfolio.policies["threshold"], portfolio.market.dates
    drawn = Flows({day: -20_000.0 for day in dates[dates > portfolio.test_start][::63]})
    desk = replace(portfolio, execution=Execution(days=3), flows=drawn)
    audit = audit_policy(desk, lambda _: policy, days=4, sessions=600)
    assert audit.result == "passed"
    assert audit.table.index[-1] < dates[dates.searchsorted(portfolio.test_start) + 600]
    told: list[float] = []
    plain = audit_policy(portfolio, lambda _: policy, days=4, sessions=600, progress=told.append)
    backtests = 2 + 4 * 3
    assert told == pytest.approx([done / backtests for done in range(1, backtests + 1)])
    assert audit.table["decisions"].tolist() != plain.table["decisions"].tolist()


def of(portfolio: Portfolio, policy: Rule, recommended: str | None) -> str:
    """The asset of a sheet that compares this policy."""
    played = SimpleNamespace(net_returns=portfolio.market.dates)
    return sheet_line(
        SimpleNamespace(  # type: ignore[arg-type]
            portfolio=portfolio,
            recommendation=SimpleNamespace(policy=recommended),
            reference="one",
            fitted={"one": Fitted(policy)},
            backtests={"one": played},
        )
    )


def test_a_sheet_says_which_policy_was_audited_and_on_what(portfolio: Portfolio) -> None:
    power = "This finds a one-day peek on every decision day with probability 0.998, and none on other days"
    again = "Decided again with other later data of its market on"
    days, every = (
        r"\((\d{4}-\d\d-\d\d(, | and )?){3}\)",
        "For all days and policies: rebalance research audit FILE --days",
    )
    assert re.fullmatch(
        rf"one: passed\. {again} 3 of 2,765 decision days {days}, its decisions are the same\. {power}\. {every} 2765",
        of(portfolio, portfolio.policies["threshold"], "one"),
    )
    assert re.fullmatch(
        rf"one, the reference: passed\. {again} 3 of 498 decision days of the first {SESSIONS} test days {days}, its "
        rf"decisions are the same\. {power}\. {every} 498",
        of(portfolio, Counts(portfolio.strategic), None),
    )
    short = replace(portfolio, test_start=portfolio.market.dates[-2])
    assert of(short, portfolio.policies["threshold"], "one").startswith("not available for one: ")


def test_the_power_is_that_of_the_kind_with_the_fewest_days() -> None:
    table = pd.DataFrame({"kind": ["Monday", "Friday", "Monday", "other"]})
    audit = LookAhead("a", "b", table.assign(decisions=1), 9, whole=True)
    assert (audit.power, audit.probability) == (1.0 - 0.5**3, "0.875")
    assert replace(audit, whole=False).power == 1.0 - 0.5**12


# -- the command -------------------------------------------------------------------------------------------------------


def test_the_command_says_that_a_policy_passes() -> None:
    done = rebalance("research", "audit", FILE, "--policy", "yearly")
    assert (done.status, done.err.count("Traceback")) == (0, 0)
    assert "Sixty-forty: look-ahead audit, 2012-01-03 to 2022-12-29" in done.out
    assert "\nyearly  passed               10 of 10         10  0.999\n" in done.out
    assert "quarterly" not in done.out


def test_the_command_ends_with_1_where_a_policy_looks_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TRUST, raising=False)
    file = tmp_path / "own.yaml"
    (tmp_path / "peeking.py").write_text(MODULE)
    text = FILE.read_text().replace("policies:\n", "policies:\n  mine: {rule: peeking:Peeks}\n")
    file.write_text(text.replace("2012-01-03", "2022-01-03"))
    done = rebalance("research", "audit", file, "--policy", "mine", "--trust-code")
    assert (done.status, done.err.count("Traceback")) == (1, 0)
    assert "mine    failed" in done.out
    assert "mine: Look-ahead test failed: on " in done.out
    file.write_text(re.sub(r"(?m)^  (never|quarterly|threshold_within|tuned): .*\n", "", file.read_text()))
    shared = ["research", "audit", file, "--trust-code", "--days", "2"]
    alone, two = rebalance(*shared), rebalance(*shared, "--workers", "2")
    assert (alone.status, two.status, alone.out) == (1, 1, two.out)
    assert TRUST not in os.environ
    refused = rebalance("research", "audit", file)
    assert refused.status == 2
    assert "a rule of your own runs code" in refused.err


@pytest.mark.parametrize(("words", "said"), [
    (["--policy", "nope"], "policy 'nope' is not in "),
    (["--days", "0"], "days is 0: give a whole number of 1 or more."),
    (["--days", "many"], "valid integer"),
    (["--workers", "0"], "workers is 0: give a whole number"),
])  # fmt: skip
def test_what_cannot_be_audited_is_a_sentence(words: list[str], said: str) -> None:
    done = rebalance("research", "audit", FILE, *words)
    assert done.status == 2
    assert said in done.err
    assert "Traceback" not in done.err
