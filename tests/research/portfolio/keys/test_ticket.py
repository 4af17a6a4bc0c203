"""`ticket` of a portfolio file: what orders say besides side and quantity; each error with line, key, value and fix."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import ConfigError
from research.portfolio import TicketTerms, load_portfolio
from research.portfolio.keys.sending import SendingLimits

BEFORE = "test_start"
WHOLE = """{order_type: limit, collar_bps: 50, time_in_force: DAY, account: DU12, symbols: {SPY: SPY.P},
  exchange: SMART/ARCA, sec_type: FUND, settlement_days: 2, settlement_days_by_line: {AGG: 3}}
"""


def with_ticket(write: Any, ticket: str) -> Path:
    path: Path = write(BEFORE, f"ticket: {ticket}\n{BEFORE}")
    return path


def test_terms_made_in_python_refuse_a_limit_without_a_collar_in_a_sentence() -> None:
    with pytest.raises(ConfigError, match=r"a limit order needs a collar\. Add `collar_bps:`"):
        TicketTerms("limit")


@pytest.mark.parametrize("stated", [{"ticket.account": "  "}, {"ticket": {"symbols": {}}}, {"ticket": {}}])
def test_terms_that_say_nothing_are_refused(write: Any, stated: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"ticket.*: (not text|too short|says nothing)"):
        load_portfolio(write(), stated)


def test_a_file_without_a_ticket_sends_market_orders_for_the_day(write: Any) -> None:
    got = load_portfolio(write())
    assert got.ticket == TicketTerms("market", "DAY", None, "", {}, "SMART", "STK", 1)
    assert "ticket" not in got.settings


def test_every_key_is_read(write: Any) -> None:
    got = load_portfolio(with_ticket(write, WHOLE)).ticket
    assert got == TicketTerms("limit", "DAY", 50.0, "DU12", {"SPY": "SPY.P"}, "SMART/ARCA", "FUND", 2, {"AGG": 3})
    assert (got.days("SPY"), got.days("AGG")) == (2, 3)
    assert (got.symbol("SPY"), got.symbol("AGG")) == ("SPY.P", "AGG")


SENDING = """{account: DU12, sending: {collar: 3, collar_unit: spreads, order_notional: 1000, day_loss: 50,
  do_not_trade: [TSLA], venues: {DU12: paper}}}
"""


def test_the_limits_of_sending_are_read(write: Any) -> None:
    limits = load_portfolio(with_ticket(write, SENDING)).ticket.sending
    assert limits == SendingLimits(3.0, "spreads", 1_000.0, None, None, 50.0, ("TSLA",), {"DU12": "paper"})


@cases(
    "sending, said",
    ("{collar_unit: spreads}", r"ticket\.sending.*a unit without a collar .*Add `collar:`, a number of them"),
    ("{collar: 0}", r"ticket\.sending\.collar: .*line \d+.*found 0"),
    ("{order_notional: -5}", r"ticket\.sending\.order_notional: .*line \d+.*found -5"),
    ("{do_not_trade: []}", r"ticket\.sending\.do_not_trade: .*line \d+"),
    ("{stop: 5}", r"ticket\.sending.*stop"),
)
def test_wrong_limits_of_sending_are_refused_with_their_place(write: Any, sending: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_portfolio(with_ticket(write, f"{{sending: {sending}}}"))


SLICED = "{slicing: {kind: participation, rate: 0.1, curve: [3, 1, 2], minutes: 90}}"


@pytest.mark.parametrize("ticket", [WHOLE, SENDING, "{order_type: market_on_close}", "{account: DU12}", SLICED])
def test_settings_give_the_same_ticket_again(write: Any, again: Any, ticket: str) -> None:
    first = load_portfolio(with_ticket(write, ticket))
    assert again(first).ticket == first.ticket


@cases(
    "ticket, said",
    ("{order: limit}", r"ticket\.order: unknown key \(.*line 16\): found 'order'\. Did you mean"),
    ("{order_type: moc}", r"ticket\.order_type: not one of its words \(.*line 16\): found 'moc'\. .*Use market, "),
    ("{order_type: limit}", r"ticket\.order_type: a limit order needs a collar .*found 'limit'\. Add"),
    ("{collar_bps: 50}", r"ticket\.collar_bps: an order type of market has no limit price .*found 50\."),
    ("{order_type: limit, collar_bps: -1}", r"ticket\.collar_bps: out of bounds .*found -1\. Give a"),
    ("{time_in_force: GTC}", r"ticket\.time_in_force: not one of its words .*found 'GTC'\. Use DAY\."),
    ("{account: 1234}", r"ticket\.account: not text .*found 1234\. Write a word, in quotes"),
    ("{sec_types: {AGG: OPT}}", r"ticket\.sec_types\.AGG: not one of its words .*found 'OPT'"),
    ("{exchanges: {XYZ: PAXOS}}", r"ticket\.exchanges\.XYZ: no asset of the portfolio"),
    ("{sec_type: OPT}", r"ticket\.sec_type: not one of its words .*found 'OPT'\. .*Use STK, FUND, CASH, CRYPTO\."),
    ("{settlement_days: 1.5}", r"ticket\.settlement_days: not a whole number .*found 1\.5\. Write one"),
    ("{settlement_days_by_line: {QQQ: 2}}", r"by_line\.QQQ: no asset of the portfolio .*found 'QQQ'\. "),
    ("{settlement_days_by_line: {SPY: 90}}", r"by_line\.SPY: out of bounds .*found 90\. .* at most 20"),
    ("{settlement_days: 90}", r"ticket\.settlement_days: out of bounds .*found 90\. .* at most 20"),
    ("{symbols: {SPX: A}}", r"ticket\.symbols\.SPX: no asset of the portfolio .*found 'SPX'\. Did you mean"),
    ("{symbols: {SPY: AGG}}", r"ticket\.symbols\.SPY: AGG has the same symbol .*found 'AGG'\. Give each asset"),
    ("{symbols: {SPY: X, AGG: X}}", r"ticket\.symbols\.SPY: AGG has the same symbol .*found 'X'"),
    ("{slicing: {kind: twop}}", r"slicing\.kind: not one of its words .*found 'twop'\. Did you mean 'twap'\?"),
    ("{slicing: {kind: twap, rate: 0.3}}", r"slicing\.rate: twap has no such key .*found 0\.3\. It takes slices"),
    ("{slicing: {kind: vwap}}", r"slicing\.curve: missing .*Add `curve:`, which vwap needs\."),
    ("{slicing: {kind: vwap, curve: [0]}}", r"slicing\.curve: no volume in any interval .*found \[0\]"),
    ("{slicing: {kind: participation, rate: 2}}", r"slicing\.rate: out of bounds .*found 2\. "),
    ("{order_type: market_on_close, slicing: {kind: twap}}", r"slicing: an order for the close is filled at one"),
    ("{symbols: {SPY: }}", r"ticket\.symbols\.SPY: says nothing .*found None"),
)
def test_what_is_wrong_is_refused(write: Any, ticket: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_portfolio(with_ticket(write, ticket))


def test_a_limit_price_is_the_close_with_the_collar_rounded_toward_the_close() -> None:
    terms = TicketTerms("limit", collar_bps=50.0)
    prices = [terms.limit_price(97.45, "USD", buys=buys) for buys in (True, False)]
    assert prices == [97.93, 96.97]  # 97.937, 96.963
    assert [terms.limit_price(100.0, "USD", buys=buys) for buys in (True, False)] == [100.5, 99.5]
    assert TicketTerms().limit_price(97.45, "USD", buys=True) is None


@cases(
    "close, currency, buy, sell",
    (2_001.0, "JPY", 2_011.0, 1_991.0),  # 2,011.005 and 1,990.995, in whole yen
    (0.842, "GBP", 0.8462, 0.8378),  # 0.84621 and 0.83779, in hundredths of a penny
    (12.345, "KWD", 12.406, 12.284),  # 12.406725 and 12.283275, in thousandths of a dinar
)
def test_a_limit_price_is_in_the_ticks_of_its_currency(close: float, currency: str, buy: float, sell: float) -> None:
    terms = TicketTerms("limit", collar_bps=50.0)
    assert [terms.limit_price(close, currency, buys=buys) for buys in (True, False)] == [buy, sell]


@given(close=st.floats(0.005, 1e6), collar=st.floats(0.0, 5_000.0), buys=st.booleans())
def test_a_limit_price_is_in_whole_ticks_and_within_the_collar(close: float, collar: float, buys: bool) -> None:
    price = TicketTerms("limit", collar_bps=collar).limit_price(close, "USD", buys=buys)
    assert price is not None
    exact, way = Decimal(repr(price)), 1 if buys else -1
    bound = Decimal(repr(close)) * (1 + way * Decimal(repr(collar)) / 10_000)
    tick = Decimal("0.01") if bound >= 1 else Decimal("0.0001")
    assert exact == exact.quantize(tick)
    assert 0 <= way * (bound - exact) < tick
