"""Orders in slices on paper: each at its moment, once, in whole lots, under the checks of that moment."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from executed import BadLine, Case, Cases, Killed, counted, document_of, replayed

from desk.exchange.checks import checked
from desk.exchange.execute import Execution, SentResult
from desk.journal import Journal, verify
from desk.journal.records import Quote
from foundation.errors import ConfigError
from research.portfolio import TicketTerms
from research.portfolio.keys.sending import SendingLimits, SlicingTerms

HALF_HOURLY = SlicingTerms("twap", minutes=90.0, slices=3)
PRICES, UNITS = (100.0, 50.0), (900, 200)


@pytest.fixture
def document(desk: Any) -> dict[str, Any]:
    """A sell of 395 A and a buy of 808 B."""
    limits = SendingLimits(collar=100.0)
    return document_of(desk(PRICES, UNITS, 1_000.0, (0.5, 0.5)), TicketTerms(slicing=HALF_HOURLY, sending=limits))


def sent(case: Case, **how: Any) -> list[SentResult]:
    moment = case.moment()
    return list(
        Execution(case.journal, case.venue, case.document, moment.slices, moment.quotes, look=case.moment, **how).run()
    )


def moments(case: Case) -> list[str]:
    return [entry.record.sent_at[11:16] for entry in case.journal.entries(kind="order")]


def check_whole(case: Case) -> None:
    """Each slice is journalled, taken and filled once, and they add up to the orders of the ticket."""
    kinds = [entry.kind for entry in case.journal.entries()]
    assert sorted(kinds) == ["acknowledgement"] * 6 + ["fill"] * 6 + ["order"] * 6
    ordered = {row["symbol"]: (-1 if row["side"] == "sell" else 1) * row["quantity"] for row in case.document["orders"]}
    assert replayed(case.journal)[0] == ordered
    assert not verify(case.journal).faults


def test_slices_are_sent_at_their_moments_sells_first_and_journalled_before(case: Case) -> None:
    assert [(each.order.symbol, each.order.slice, each.order.quantity) for each in sent(case)] == [
        ("A", 0, 132.0), ("B", 0, 269.0), ("A", 1, 131.0), ("B", 1, 270.0), ("A", 2, 132.0), ("B", 2, 269.0),
    ]  # fmt: skip
    orders = [entry.record for entry in case.journal.entries(kind="order")]
    assert moments(case) == ["14:30"] * 2 + ["15:00"] * 2 + ["15:30"] * 2
    assert [record.slice for record in orders] == [0, 0, 1, 1, 2, 2]
    assert len({record.venue_id for record in orders}) == 6
    groups = [entry.kind for entry in case.journal.entries()]
    assert groups == ["order", "order", "acknowledgement", "acknowledgement", "fill", "fill"] * 3
    check_whole(case)


def test_a_buy_whose_cash_a_later_sell_brings_is_sent_after_it(desk: Any, case_of: Cases) -> None:
    """A third of 400 A pays for no third of 798 B and its fees; two thirds pay for two."""
    case = case_of(document_of(desk(PRICES, UNITS, 0.0, (0.5, 0.5)), TicketTerms(slicing=HALF_HOURLY)))
    assert [(each.order.symbol, each.order.slice) for each in sent(case)] == [
        ("A", 0), ("A", 1), ("B", 0), ("B", 1), ("A", 2), ("B", 2),
    ]  # fmt: skip
    check_whole(case)


def test_a_sending_that_ends_at_any_call_goes_on_with_the_slice_at_which_it_stood(
    document: dict[str, Any], tmp_path: Path
) -> None:
    ends = 0
    for point in range(0, 200, 5):
        folder, left = tmp_path / str(point), [point]
        with Journal(folder, user="anna") as journal, BadLine.for_ticket(document, folder=folder) as venue:
            journal.append, venue.place = counted(journal.append, left), counted(venue.place, left)  # type: ignore[method-assign]
            try:
                sent(Case(document, journal, venue))
            except Killed:
                ends += 1
        with Journal(folder, user="anna") as journal, BadLine.for_ticket(document, folder=folder) as venue:
            case = Case(document, journal, venue)
            sent(case)
            check_whole(case)
            assert moments(case) == ["14:30"] * 2 + ["15:00"] * 2 + ["15:30"] * 2
        if left[0] > 0:
            break
    points = 2 * 3 * (1 + 2 + 2 + 1)  # before and after, at each moment, the orders, each order, each answer, the fills
    assert ends == len(range(0, points, 5))


class Moved(BadLine):
    """A paper venue whose quotes are other ones from 15:00 on."""

    def quotes(self, symbols: Any) -> dict[str, Quote]:
        found = super().quotes(symbols)
        return found if self.now().hour < 15 else found | {"A": replace(found["A"], last=102.0)}


def test_a_quote_beyond_the_collar_stops_the_later_slices_and_the_next_call_goes_on_with_them(
    document: dict[str, Any], case_of: Cases
) -> None:
    moved = case_of(document, Moved)
    done = sent(moved)
    assert [each.state is not None for each in done] == [True, True, False, False, False, False]
    assert "quote is 102, 200 bp from the 100 of the list. The collar is 100 bps" in done[2].why
    assert len(moments(moved)) == 2
    case = case_of(document)
    sent(case)
    check_whole(case)


def test_a_stop_between_slices_holds(case: Case) -> None:
    stops = iter(["", "", "", "STOP is there"])
    done = sent(case, stop=lambda: next(stops))
    assert [each.why for each in done] == ["", "", *["STOP is there"] * 4]
    assert len(case.venue.fills()) == 2
    assert f"{case.venue.now():%H:%M}" == "15:00"  # and it does not wait for what it will not send
    sent(case)
    check_whole(case)


def test_slices_that_would_come_after_the_close_or_cannot_be_told_apart_are_not_begun(case: Case) -> None:
    moment = case.moment()
    assert not [check for check in checked(moment) if check.faults]
    late = replace(moment, now=moment.now.replace(hour=20, minute=1))
    blind = replace(moment, capabilities=replace(moment.capabilities, id_length=0))
    [of_late], [of_blind] = ([fault for check in checked(each) for fault in check.faults] for each in (late, blind))
    assert of_late.startswith("The last slices would be sent 60 minutes from now, and paper closes at 21:00 UTC.")
    assert "paper takes no client ids by which they are told apart" in of_blind


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (SlicingTerms("participation", rate=0.1), "volume"),
        (SlicingTerms("almgren_chriss", risk_aversion=1e-6), "impact"),
    ],
)
def test_what_slicing_needs_and_the_market_does_not_have_is_refused_with_the_order(
    desk: Any, terms: SlicingTerms, words: str
) -> None:
    said = rf"^ticket\.slicing: {terms.kind}, to sell A: {words} of an order is None"
    with pytest.raises(ConfigError, match=said):
        document_of(desk(PRICES, UNITS, 0.0, (0.5, 0.5)), TicketTerms(slicing=terms))


def test_a_ticket_says_whether_its_orders_are_sent_in_slices(desk: Any, document: dict[str, Any]) -> None:
    assert document["notes"][-1] == "Orders are sent in slices, 3 each, over 90 minutes (twap)."
    assert "slices" not in document_of(desk(PRICES, UNITS, 0.0, (0.5, 0.5)))


def test_amounts_of_slices_are_parts_of_those_of_the_order(case: Case) -> None:
    moment = case.moment()
    for whole in moment.orders:
        parts = [each for each in moment.slices if each.id == whole.id]
        assert sum(Decimal(repr(each.notional)) for each in parts) == Decimal(repr(whole.notional))
