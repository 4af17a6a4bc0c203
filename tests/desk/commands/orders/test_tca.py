"""What journalled orders cost, from the shell: text, page, table and picture, and the answers to mistakes."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from browser import check_page
from commanded import FILE, rebalance
from order_events import executed, listed, made, quote

from desk.commands.orders.tca import cost_report, portfolios_of
from desk.journal.chain import Event
from desk.journal.journal import Journal
from desk.tca.page import report_html
from desk.tca.text import report_text
from foundation.errors import ConfigError
from foundation.home import HOME
from research.portfolio import Portfolio, load_portfolio

FIRST, SECOND, THIRD, NAME = "ab" * 32, "cd" * 32, "de" * 32, "Sixty-forty"


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load_portfolio(FILE)


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    """Three lists of the portfolio on two days; of one a half is left, and an order has no list."""
    monkeypatch.setenv(HOME, str(tmp_path))
    orders = [listed("a", "buy", "SPY", 100.0, 380.0), listed("b", "sell", "AGG", 200.0, 97.0)]
    last = listed("c", "buy", "SPY", 100.0, 377.0)
    events = [made(FIRST, *orders)]
    for order, price in zip(orders, (380.4, 96.9), strict=True):
        at = quote(price - 0.02, price + 0.02)
        events += executed(order, FIRST, at, [(order.quantity or 0.0, price, at)], day="2022-12-27", fee=1.0)
    later = listed("d", "buy", "SPY", 10.0, 379.0)
    at = quote(378.0, 379.0)
    events += [made(THIRD, later), *executed(later, THIRD, at, [(10.0, 379.0, at)], day="2022-12-28")]
    events += [made(SECOND, last), *executed(last, SECOND, None, [(50.0, 377.5, None)], day="2022-12-28", ended=True)]
    events += executed(listed("x", "buy", "SPY", 1.0, None), "", None, [(1.0, 378.0, None)], day="2022-12-28")
    with Journal() as found:
        found.append([Event(event.record, NAME, event.ticket, "", event.order) for event in events])
        yield found


def test_all_forms_are_written_by_one_command_and_change_nothing(journal: Journal, tmp_path: Path) -> None:
    before, file = journal.head, FILE.read_bytes()
    outs = [tmp_path / name for name in ("page.html", "orders.csv", "parts.png")]
    done = rebalance("desk", "tca", "--portfolio", FILE, *(word for out in outs for word in ("--out", out)))
    assert done.status == 0, done.said
    assert (journal.head, FILE.read_bytes()) == (before, file)
    assert f"of the journal, the last {before.sha256}." in done.out
    assert f"What the orders of {NAME} cost" in done.out
    assert "At the suggested costs, policy threshold costs" in done.out
    assert "The total of 1 order is not known, and not counted: 1 with no decision price." in done.out.replace(
        "\n", " "
    )
    page = outs[0].read_text()
    assert "<svg" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    with outs[1].open() as opened:
        rows = {row["order"]: row for row in csv.DictReader(opened)}
    assert list(rows) == ["a", "b", "d", "c", "x"]
    assert (rows["a"]["total"], rows["x"]["total"]) == ("41", "")
    assert outs[2].read_bytes().startswith(b"\x89PNG")


def test_a_list_or_a_day_is_chosen(journal: Journal) -> None:
    assert list(cost_report(ticket="abab").orders["order"]) == ["a", "b"]
    assert list(cost_report(since="2022-12-28").orders["order"]) == ["d", "c", "x"]


def test_a_portfolio_values_the_rest_and_leaves_the_orders_of_others_out(
    journal: Journal, portfolio: Portfolio
) -> None:
    other = listed("o", "buy", "QQQ", 10.0, 300.0)
    journal.append([made("ef" * 32, other), *executed(other, "ef" * 32, None, [(10.0, 300.0, None)])])
    alone, held = cost_report(), cost_report(portfolios=[portfolio])
    assert list(alone.orders["order"]) == ["a", "b", "d", "c", "x", "o"]
    assert list(held.orders["order"]) == ["a", "b", "d", "c", "x"]
    ends = held.orders.set_index("order")["end"]
    assert alone.orders["end"].isna().all()
    assert ends["c"] == portfolio.market.prices[portfolio.market.row("2022-12-28"), 0]
    assert "1 with a rest without a close of its day" in " ".join(alone.warnings)


def test_a_house_is_valued_and_compared_with_the_first_of_its_models_that_has_the_asset(
    journal: Journal, portfolio: Portfolio, tmp_path: Path
) -> None:
    """Of a model without SPY, and of the portfolio itself: of both together, AGG is the first one's."""
    text = f"{FILE.read_text()}\nticket: {{account: {NAME}}}\n"
    spy = next(line for line in text.splitlines() if "SPY:" in line)
    (tmp_path / "bonds.yaml").write_text(
        text.replace(spy, "").replace("0.40, range: [0.35, 0.45]", "1.0, range: [0.9, 1.0]")
    )
    (tmp_path / "both.yaml").write_text(text)
    rows = ["account,model,cash,SPY,AGG", "A,bonds.yaml,1,,1", "B,both.yaml,1,1,1", "C,bonds.yaml,1,,2"]
    (tmp_path / "house.csv").write_text("\n".join(rows))
    alone, held = cost_report(portfolios=[portfolio]), cost_report(portfolios=portfolios_of(tmp_path / "house.csv"))
    pd.testing.assert_frame_equal(held.orders, alone.orders)
    assert held.orders["end"].notna().all()
    assert held.changes == tuple(replace(change, file="both.yaml") for change in alone.changes) != ()
    assert held.effect == alone.effect.replace(str(FILE), str(tmp_path / "both.yaml"))
    done = rebalance("desk", "tca", "--portfolio", tmp_path / "house.csv")
    assert (done.status, f"What the orders of {NAME} cost" in done.out) == (0, True)
    (tmp_path / "both.yaml").write_text(FILE.read_text())
    (tmp_path / "house.csv").write_text("\n".join(rows[::2]))
    assert (
        "`ticket: account` of both.yaml is '', which is empty"
        in rebalance("desk", "tca", "--portfolio", tmp_path / "house.csv").said
    )


def test_the_page_and_the_terminal_show_the_same_headline_and_warnings(journal: Journal) -> None:
    report = cost_report()
    text, page = report_text(report).replace("\n", " "), report_html(report)
    for words in (*report.headlines, *report.warnings):
        assert words in text
        assert words in page
    check_page(page, drawn=5)


def test_orders_without_a_total_are_listed_and_not_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME, str(tmp_path))
    with Journal() as journal:
        journal.append(executed(listed("x", "buy", "SPY", 1.0, None), "", None, [(1.0, 378.0, None)]))
    done = rebalance("desk", "tca")
    assert (done.status, done.said) == (0, "")
    assert "No order of these has a total that is known." in done.out
    picture = rebalance("desk", "tca", "--out", tmp_path / "parts.png")
    assert picture.status == 2
    assert "there is no picture of the orders of the journal" in picture.said
    assert not (tmp_path / "parts.png").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--ticket", "00"), "has none of the orders of list 00 that was sent"),
        (("--since", "yesterday"), "since is 'yesterday'"),
        (("--out", "costs.pdf"), "end it with .html, .csv, .png"),
        (("--delay", "sent"), "sent"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(journal: Journal, words: tuple[str, str], said: str) -> None:
    done = rebalance("desk", "tca", *words)
    assert done.status == 2
    assert said in done.said


def test_one_day_suggests_no_change_and_the_page_says_so(journal: Journal, portfolio: Portfolio) -> None:
    report = cost_report(ticket=FIRST, portfolios=[portfolio])
    assert report.changes == ()
    assert report.effect.startswith(f"No change of the costs of {FILE} is suggested")
    assert report.effect in report_html(report)
    assert report.effect in report_text(report).replace("\n", " ")


def test_a_policy_that_must_be_fitted_first_has_no_effect_and_says_why(journal: Journal, tmp_path: Path) -> None:
    tuned = load_portfolio(FILE, {"policy": "tuned"})
    report = cost_report(portfolios=[tuned], reports=tmp_path / "reports")
    assert report.changes
    assert report.effect.startswith(
        "The effect of the suggested costs on a policy is not known: policy 'tuned' must be"
    )


def test_no_journal_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME, str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="there is no journal in"):
        cost_report()
