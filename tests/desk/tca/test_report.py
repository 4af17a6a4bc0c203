"""The report on what orders cost: currencies apart, dashes for what is not known, and how little there is."""

import pytest
from order_events import executed, listed, made, quote

from desk.exchange.paper.fill_model import PAPER_MODEL
from desk.journal.journal import Journal
from desk.tca.orders import read_orders
from desk.tca.page import main_picture, report_html
from desk.tca.report import Report, WordsTable
from desk.tca.text import report_text


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """An order in euros, and two in dollars on two days, of which one has no quote."""
    orders = [listed("e", "buy", "VWCE", 10.0, 100.0, currency="EUR"), listed("s", "buy", "SPY", 10.0, 400.0)]
    last, at = listed("a", "sell", "AGG", 10.0, 100.0), {100.0: quote(99.9, 100.1), 400.0: quote(399.8, 400.2)}
    with Journal(tmp_path_factory.mktemp("journal")) as journal:
        journal.append([made("ab", *orders, last)])
        for order in orders:
            found = at[order.price or 0.0]
            journal.append(executed(order, "ab", found, [(10.0, found.ask or 0.0, found)], day="2022-12-28", fee=1.0))
        journal.append(executed(last, "ab", None, [(10.0, 99.0, None)], day="2022-12-29", fee=1.0))
        return Report(read_orders(journal).table)


def tables(report: Report) -> dict[str, WordsTable]:
    return {table.key: table for table in report.tables()}


def test_currencies_are_told_apart_that_of_the_most_orders_first(report: Report) -> None:
    assert report.currencies == ["USD", "EUR"]
    first, second = report.headlines
    assert first.startswith("2 orders of 5,000 USD with 2 fills on 2 days cost 14.00 USD, 28.00 [")
    assert first.endswith("bp of the value wanted at the decision. Of it 20.00 bp cannot be split.")
    assert second == (
        "1 order of 1,000 EUR with 1 fill on 1 day cost 2.00 EUR, 20.00 bp of the value wanted at the decision."
    )
    assert [row[0] for row in tables(report)["parts"].rows][::8] == ["delay, USD", "delay, EUR"]
    assert [row[0] for row in tables(report)["asset"].rows] == ["SPY, USD", "AGG, USD", "VWCE, EUR"]
    assert [row[0] for row in tables(report)["orders"].rows] == ["a", "s"]
    assert list(main_picture(report).data["bp"])[-1] == pytest.approx(28.0)


def test_the_headline_says_how_many_orders_it_leaves_out(report: Report) -> None:
    """The total of the order of 4,000 dollars is not known: that of 1,000 cost 11 dollars."""
    orders = report.orders
    unvalued = Report(orders.assign(total=orders["total"].where(orders["asset"] != "SPY")))
    assert unvalued.headlines[-1].startswith("1 of 2 orders of 1,000 USD with 1 fill on 1 day cost 11.00 USD, ")


def test_a_part_that_is_not_known_is_a_dash_in_the_text_and_on_the_page(report: Report) -> None:
    heads = [title for title, _ in tables(report)["asset"].heads]
    row = next(row for row in tables(report)["asset"].rows if row[0] == "AGG, USD")
    assert [row[heads.index(part)] for part in ("delay", "spread", "impact", "timing")] == ["–"] * 4
    assert (row[heads.index("fees")], row[heads.index("unknown")]) == ("10.0", "100.0")
    known = {row[0]: row[4] for row in tables(report)["parts"].rows}
    assert known["spread, USD"].startswith("80")  # % of notional
    assert "".join(f"<td>{cell}</td>" for cell in row[-3:]) in report_html(report)


def test_quotes_of_a_model_are_a_warning(report: Report) -> None:
    played = Report(report.orders.assign(quotes=[f"{PAPER_MODEL}: bars of market 'by hand'", "", ""]))
    (said,) = set(played.warnings) - set(report.warnings)
    assert said.startswith("The quotes of 1 order are of the paper venue's model, and of no market")


def test_few_days_are_a_warning_of_each_currency(report: Report) -> None:
    assert [warning.split(":")[0] for warning in report.warnings] == [
        "The orders in USD have 2 fills on 2 days",
        "The orders in EUR have 1 fill on 1 day",
    ]
    assert "Warning: The orders in USD have 2 fills on 2 days" in report_text(report)
