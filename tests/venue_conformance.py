"""What a venue must do, as tests: inherit from `VenueConformance`, open your venue, and name three orders of it.

    class TestMyVenue(VenueConformance):
        filled, resting, refused = order(…), order(…, "limit", 50.0), order("NONE")

        def open_venue(self, folder: Path) -> MyVenue:
            return MyVenue(folder)

Each test begins with an empty folder, and may open the venue in it again, as after a kill.
"""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest

from desk.exchange.venue import NotKnown, OrderState, Venue
from desk.exchange.venue_ids import venue_id
from desk.feeds import transport
from desk.tickets.ticket import Order
from foundation.errors import DataError
from research.portfolio.holdings.blotter import SIGN_OF_SIDE


def market_buy(symbol: str, quantity: float, notional: float, currency: str, **others: object) -> Order:
    """An order to buy at the market, with nothing that a venue does not read."""
    stated = {
        "side": "buy", "symbol": symbol, "quantity": quantity, "order_type": "market", "notional": notional,
        "currency": currency, "account": "",
    }  # fmt: skip
    return Order(**(dict.fromkeys(Order.__dataclass_fields__, None) | stated | others))  # type: ignore[arg-type]


class VenueConformance:
    """Tests of a venue.

    filled  : a buy in whole units that is filled at once.
    resting : a limit order that stays open without a fill.
    refused : an order that the venue refuses.
    keeps_refused : false where it has no order that it refused.
    """

    filled: ClassVar[Order]
    resting: ClassVar[Order]
    refused: ClassVar[Order]
    keeps_refused: ClassVar[bool] = True

    def open_venue(self, folder: Path) -> Venue:
        """Open the venue, whose state is in a folder or behind it."""
        raise NotImplementedError

    @pytest.fixture
    def venue(self, tmp_path: Path) -> Venue:
        """The venue, without orders."""
        return self.open_venue(tmp_path)

    def client_id(self, venue: Venue, order: Order) -> str:
        """The client id of an order there."""
        known = venue.capabilities
        return venue_id(order.client_order_id, 0, 0, known.id_length, known.id_alphabet)

    def place(self, venue: Venue, order: Order) -> OrderState:
        """Place an order under its id."""
        return venue.place(order, self.client_id(venue, order))

    def kept(self, state: OrderState) -> OrderState | None:
        """The state that the venue has of an order later."""
        return state if self.keeps_refused or state.status != "refused" else None

    # -- placing -------------------------------------------------------------------------------------------------------

    def test_an_id_that_it_does_not_have_has_no_state(self, venue: Venue) -> None:
        assert venue.state(self.client_id(venue, self.filled)) is None
        assert venue.open_orders() == []

    def test_the_state_of_an_order_is_that_which_placing_gave(self, venue: Venue) -> None:
        for order in (self.filled, self.resting, self.refused):
            placed = self.place(venue, order)
            assert placed.client_id == self.client_id(venue, order)
            assert venue.state(placed.client_id) == self.kept(placed)

    def test_an_order_that_is_placed_twice_is_there_once(self, venue: Venue) -> None:
        first = self.place(venue, self.filled)
        units, cash, fills = venue.units(self.filled.account), venue.cash(self.filled.account), venue.fills()
        assert self.place(venue, self.filled) == first
        assert (venue.units(self.filled.account), venue.cash(self.filled.account)) == (units, cash)
        assert venue.fills() == fills

    def test_a_refused_order_has_a_reason_and_moves_nothing(self, venue: Venue) -> None:
        before = venue.units(self.refused.account), venue.cash(self.refused.account)
        state = self.place(venue, self.refused)
        assert (state.status, state.filled) == ("refused", 0)
        assert len(state.reason.split()) > 1
        assert self.place(venue, self.refused) == state
        assert venue.fills() == []
        assert venue.open_orders() == []
        assert (venue.units(self.refused.account), venue.cash(self.refused.account)) == before

    # -- fills ---------------------------------------------------------------------------------------------------------

    def test_a_fill_moves_units_and_cash_by_what_it_says(self, venue: Venue) -> None:
        order, none = self.filled, Decimal()
        units, cash = venue.units(order.account), venue.cash(order.account)
        state = self.place(venue, order)
        assert order.quantity is not None
        assert (state.status, state.filled) == ("filled", Decimal(repr(order.quantity)))
        fills, sign = venue.fills(), SIGN_OF_SIDE[order.side]
        assert sum(fill.quantity for fill in fills) == state.filled
        moved = venue.units(order.account)[order.symbol] - units.get(order.symbol, none)
        assert moved == sign * state.filled
        paid = sum(sign * fill.quantity * fill.price + sum(fill.fees.values(), none) for fill in fills)
        left = cash[order.currency] - venue.cash(order.account)[order.currency]
        assert abs(left - paid) <= Decimal("0.01")

    def test_fills_name_their_order(self, venue: Venue) -> None:
        placed = self.place(venue, self.filled)
        for fill in venue.fills():
            assert (fill.order_id, fill.asset, fill.side) == (placed.client_id, self.filled.symbol, self.filled.side)
            assert (fill.account, fill.currency, fill.venue) == (self.filled.account, self.filled.currency, venue.name)

    def test_fills_since_a_moment_are_the_later_ones_in_their_order(self, venue: Venue) -> None:
        began = venue.now()
        self.place(venue, self.filled)
        fills = venue.fills()
        moments = [fill.moment for fill in fills]
        assert venue.fills(began) == fills
        assert moments == sorted(moments)
        assert len({fill.fill_id for fill in fills}) == len(fills) > 0
        assert venue.fills(moments[-1]) == [fill for fill in fills if fill.moment == moments[-1]]
        assert venue.fills(moments[-1] + timedelta(microseconds=1)) == []

    # -- open orders ---------------------------------------------------------------------------------------------------

    def test_an_open_order_is_listed_until_it_is_cancelled(self, venue: Venue) -> None:
        state = self.place(venue, self.resting)
        assert (state.status, state.filled) == ("open", 0)
        assert venue.open_orders() == [state]
        cancelled = venue.cancel(state.client_id)
        assert (cancelled.status, cancelled.filled) == ("cancelled", 0)
        assert cancelled.reason
        assert venue.open_orders() == []
        assert venue.fills() == []
        assert venue.cancel(state.client_id) == self.place(venue, self.resting) == cancelled

    def test_an_order_that_is_filled_cannot_be_cancelled(self, venue: Venue) -> None:
        state = self.place(venue, self.filled)
        assert venue.cancel(state.client_id) == state

    # -- restart, clock, rules -----------------------------------------------------------------------------------------

    def test_a_venue_that_is_opened_again_has_what_it_had(self, venue: Venue, tmp_path: Path) -> None:
        states = [self.place(venue, order) for order in (self.filled, self.resting, self.refused)]
        again = self.open_venue(tmp_path)
        assert [again.state(state.client_id) for state in states] == [self.kept(state) for state in states]
        assert [self.place(again, order) for order in (self.filled, self.resting, self.refused)] == states
        assert (again.fills(), again.open_orders()) == (venue.fills(), venue.open_orders())
        account = self.filled.account
        assert (again.units(account), again.cash(account)) == (venue.units(account), venue.cash(account))

    def test_its_clock_is_in_utc_and_does_not_go_back(self, venue: Venue) -> None:
        moment = venue.now()
        assert moment.utcoffset() == UTC.utcoffset(None)
        venue.wait(moment - timedelta(hours=1))
        venue.wait(moment + timedelta(milliseconds=1))
        assert venue.now() >= moment + timedelta(milliseconds=1)

    def test_it_knows_the_symbols_of_its_orders_and_no_others(self, venue: Venue) -> None:
        asked = [self.filled.symbol, "NO SUCH SYMBOL"]
        assert set(venue.rules(asked)) == {self.filled.symbol} >= set(venue.quotes(asked))

    def test_the_orders_are_of_types_that_it_takes(self, venue: Venue) -> None:
        assert {self.filled.order_type, self.resting.order_type} <= venue.capabilities.order_types


class PartialFillConformance(VenueConformance):
    """Tests of a venue that fills orders in part. partial : an order that is filled in part and stays open."""

    partial: ClassVar[Order]

    def test_an_order_that_is_filled_in_part_is_open_until_its_rest_is_cancelled(self, venue: Venue) -> None:
        assert self.partial.quantity is not None
        state = self.place(venue, self.partial)
        assert state.status == "open"
        assert 0 < state.filled < self.partial.quantity
        assert sum(fill.quantity for fill in venue.fills()) == state.filled
        cancelled = venue.cancel(state.client_id)
        assert (cancelled.status, cancelled.filled) == ("cancelled", state.filled)


class ServedConformance(PartialFillConformance):
    """Tests of a venue behind a server of this machine, faults included.

    having : what its server is given, so that the orders above end as they should.
    faults : answers to an order after which it is not known whether it was taken.
    adds   : number of the request of placing that adds the order.
    unread : faults of an answer that is not needed, since the order is asked for.
    refuses_ids : true where an order is posted again at once, since an id that it has is refused.
    secrets : what no message and no log may hold.
    """

    having: ClassVar[dict[str, Any]]
    faults: ClassVar[str]
    adds: ClassVar[int] = 0
    unread: ClassVar[str] = ""
    refuses_ids: ClassVar[bool] = False
    secrets: ClassVar[tuple[str, ...]] = ()

    def serving(self, **having: Any) -> AbstractContextManager[Any]:
        """A server while the block lasts."""
        raise NotImplementedError

    def at(self, served: Any) -> Venue:
        """The venue at a server."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _served(self) -> Iterator[None]:
        with self.serving(**self.having) as self.served:
            yield

    def open_venue(self, folder: Path) -> Venue:
        return self.at(self.served)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "fault" in metafunc.fixturenames:
            metafunc.parametrize("fault", self.faults.split())

    @pytest.mark.parametrize("taken", [True, False])
    def test_an_open_outcome_is_not_known_and_the_client_id_tells_it(
        self, venue: Venue, fault: str, taken: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(transport, "CONNECT", 0.5)
        monkeypatch.setattr(transport, "ANSWER", 0.3 if fault == "slow" else 5.0)
        caplog.set_level(logging.DEBUG)
        self.served.faults, told = {self.adds: f"{'taken:' * taken}{fault}"}, ""
        if not taken or fault not in self.unread.split():
            with pytest.raises(NotKnown, match=rf"^{venue.name}|answer of {venue.name}") as caught:
                venue.place(self.filled, "id1")
            told = repr(caught.value)
            assert self.served.posts == 1 or self.adds  # where questions are counted too
            assert (venue.state("id1") is not None) == taken
        assert venue.place(self.filled, "id1").status == "filled"
        assert len(self.served.orders) == 1
        assert self.served.posts == 2 or not self.refuses_ids
        assert not any(secret in f"{told} {caplog.text}" for secret in self.secrets)


class KeyedConformance(ServedConformance):
    """Tests of a venue that asks for keys of the environment. keys : one that is refused, and one that has to be there.

    refusal : what the venue says of a wrong key.
    """

    keys: ClassVar[tuple[str, str]]
    refusal: ClassVar[str] = "refuses the keys"

    def test_an_id_is_not_placed_again_though_the_exchange_would_take_it(self, venue: Venue) -> None:
        first = venue.place(self.filled, "id1")
        assert venue.place(self.filled, "id1") == self.at(self.served).place(self.filled, "id1") == first
        assert len(self.served.orders) == 1

    def test_wrong_and_absent_keys_are_told_without_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        wrong, absent = self.keys
        monkeypatch.setenv(wrong, "wrong-key")
        with pytest.raises(DataError, match=self.refusal) as told:
            self.at(self.served).cash(self.filled.account)
        assert "wrong-key" not in str(told.value)
        monkeypatch.delenv(absent)
        with pytest.raises(DataError, match=f"environment variable {absent} has none"):
            self.at(self.served)
