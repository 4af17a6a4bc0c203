"""Orders in slices on paper: each at its moment, once, in whole lots, under the checks of that moment."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from executed import PLACE, document_of, paper_for, replayed

from desk.exchange.checks import checked
from desk.exchange.execute import Execution, Sent
from desk.exchange.moment import Moment, moment_of
from desk.exchange.paper import PaperVenue
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


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path, user="anna") as opened:
        yield opened


def sending(document: dict[str, Any], journal: Journal, venue: PaperVenue, **how: Any) -> Execution:
    def look() -> Moment:
        return moment_of(document, journal, venue, PLACE)

    moment = look()
    return Execution(journal, venue, document, moment.slices, moment.quotes, look=look, **how)


def sent(document: dict[str, Any], journal: Journal, venue: PaperVenue, **how: Any) -> list[Sent]:
    return list(sending(document, journal, venue, **how).run())


def check_whole(document: dict[str, Any], journal: Journal) -> None:
    """Each slice is journalled, taken and filled once, and they add up to the orders of the ticket."""
    kinds = [entry.kind for entry in journal.entries()]
    assert sorted(kinds) == ["acknowledgement"] * 6 + ["fill"] * 6 + ["order"] * 6
    ordered = {row["symbol"]: (-1 if row["side"] == "sell" else 1) * row["quantity"] for row in document["orders"]}
    assert replayed(journal)[0] == ordered
    assert not verify(journal).faults


def test_slices_are_sent_at_their_moments_sells_first_and_journalled_before(
    document: dict[str, Any], journal: Journal, tmp_path: Path
) -> None:
    with paper_for(document, tmp_path) as venue:
        done = sent(document, journal, venue)
    assert [(each.order.symbol, each.order.slice, each.order.quantity) for each in done] == [
        ("A", 0, 132.0), ("B", 0, 269.0), ("A", 1, 131.0), ("B", 1, 270.0), ("A", 2, 132.0), ("B", 2, 269.0),
    ]  # fmt: skip
    orders = [entry.record for entry in journal.entries(kind="order")]
    assert [record.sent_at[11:16] for record in orders] == ["14:30"] * 2 + ["15:00"] * 2 + ["15:30"] * 2
    assert [record.slice for record in orders] == [0, 0, 1, 1, 2, 2]
    assert len({record.venue_id for record in orders}) == 6
    groups = [entry.kind for entry in journal.entries()]
    assert groups == ["order", "order", "acknowledgement", "acknowledgement", "fill", "fill"] * 3
    check_whole(document, journal)


def test_a_buy_whose_cash_a_later_sell_brings_is_sent_after_it(desk: Any, journal: Journal, tmp_path: Path) -> None:
    """A third of 400 A pays for no third of 798 B and its fees; two thirds pay for two."""
    document = document_of(desk(PRICES, UNITS, 0.0, (0.5, 0.5)), TicketTerms(slicing=HALF_HOURLY))
    with paper_for(document, tmp_path) as venue:
        done = sent(document, journal, venue)
    assert [(each.order.symbol, each.order.slice) for each in done] == [
        ("A", 0), ("A", 1), ("B", 0), ("B", 1), ("A", 2), ("B", 2),
    ]  # fmt: skip
    check_whole(document, journal)


class Killed(BaseException):
    """The end of a process."""


def counted(call: Any, left: list[int]) -> Any:
    """A call before and after which a process may end."""

    def check() -> None:
        left[0] -= 1
        if left[0] == -1:
            raise Killed

    def run(*given: Any) -> Any:
        check()
        answer = call(*given)
        check()
        return answer

    return run


def test_a_sending_that_ends_at_any_call_goes_on_with_the_slice_at_which_it_stood(
    document: dict[str, Any], tmp_path: Path
) -> None:
    ends = 0
    for point in range(0, 200, 5):
        folder, left = tmp_path / str(point), [point]
        with Journal(folder, user="anna") as journal, paper_for(document, folder) as venue:
            journal.append, venue.place = counted(journal.append, left), counted(venue.place, left)  # type: ignore[method-assign]
            try:
                sent(document, journal, venue)
            except Killed:
                ends += 1
        with Journal(folder, user="anna") as journal, paper_for(document, folder) as venue:
            sent(document, journal, venue)
            check_whole(document, journal)
            moments = [entry.record.sent_at[11:16] for entry in journal.entries(kind="order")]
            assert moments == ["14:30"] * 2 + ["15:00"] * 2 + ["15:30"] * 2
        if left[0] > 0:
            break
    points = 2 * 3 * (1 + 2 + 2 + 1)  # before and after, at each moment, the orders, each order, each answer, the fills
    assert ends == len(range(0, points, 5))


class Moved(PaperVenue):
    """A paper venue whose quotes are other ones from 15:00 on."""

    later: float = 100.0

    def quotes(self, symbols: Any) -> dict[str, Quote]:
        found = super().quotes(symbols)
        return {"A": replace(found["A"], last=self.later)} | found if self.now().hour < 15 else found | {
            "A": replace(found["A"], last=self.later)
        }  # fmt: skip


def test_a_quote_beyond_the_collar_stops_the_later_slices_and_the_next_call_goes_on_with_them(
    document: dict[str, Any], journal: Journal, tmp_path: Path
) -> None:
    with Moved.for_ticket(document, folder=tmp_path) as venue:
        venue.later = 102.0
        done = sent(document, journal, venue)
        assert [each.state is not None for each in done] == [True, True, False, False, False, False]
        assert "quote is 102, 200 bp from the 100 of the list. The collar is 100 bps" in done[2].why
        assert [entry.kind for entry in journal.entries()].count("order") == 2
    with paper_for(document, tmp_path) as venue:
        sent(document, journal, venue)
    check_whole(document, journal)


def test_a_stop_between_slices_holds(document: dict[str, Any], journal: Journal, tmp_path: Path) -> None:
    stops = iter(["", "", "", "STOP is there"])
    with paper_for(document, tmp_path) as venue:
        done = sent(document, journal, venue, stop=lambda: next(stops))
        assert [each.why for each in done] == ["", "", *["STOP is there"] * 4]
        assert len(venue.fills()) == 2
        assert f"{venue.now():%H:%M}" == "15:00"  # and it does not wait for what it will not send
        sent(document, journal, venue)
    check_whole(document, journal)


def test_slices_that_would_come_after_the_close_or_cannot_be_told_apart_are_not_begun(
    document: dict[str, Any], journal: Journal, tmp_path: Path
) -> None:
    with paper_for(document, tmp_path) as venue:
        moment = moment_of(document, journal, venue, PLACE)
        assert not [check for check in checked(moment) if check.faults]
        late = replace(moment, now=moment.now.replace(hour=20, minute=1))
        blind = replace(moment, capabilities=replace(moment.capabilities, id_length=0))
        [fault] = [fault for check in checked(late) for fault in check.faults]
        assert fault.startswith("The last slices would be sent 60 minutes from now, and paper closes at 21:00 UTC.")
        [fault] = [fault for check in checked(blind) for fault in check.faults]
        assert "paper takes no client ids by which they are told apart" in fault


def test_what_slicing_needs_and_the_market_does_not_have_is_refused_with_the_order(desk: Any) -> None:
    made = desk(PRICES, UNITS, 0.0, (0.5, 0.5))
    for terms, words in (
        (SlicingTerms("participation", rate=0.1), r"to sell A: volume of an order is None"),
        (SlicingTerms("almgren_chriss", risk_aversion=1e-6), r"to sell A: impact of an order is None"),
    ):
        with pytest.raises(ConfigError, match=rf"^ticket\.slicing: {terms.kind}, {words}"):
            document_of(made, TicketTerms(slicing=terms))


def test_a_ticket_without_slicing_says_nothing_of_slices(desk: Any) -> None:
    assert "slices" not in document_of(desk(PRICES, UNITS, 0.0, (0.5, 0.5)))


def test_the_ticket_says_that_its_orders_are_sent_in_slices(document: dict[str, Any]) -> None:
    assert document["notes"][-1] == "Orders are sent in slices, 3 each, over 90 minutes (twap)."


def test_amounts_of_slices_are_parts_of_those_of_the_order(
    document: dict[str, Any], journal: Journal, tmp_path: Path
) -> None:
    with paper_for(document, tmp_path) as venue:
        moment = moment_of(document, journal, venue, PLACE)
    for whole in moment.orders:
        parts = [each for each in moment.slices if each.id == whole.id]
        assert sum(Decimal(repr(each.notional)) for each in parts) == Decimal(repr(whole.notional))
