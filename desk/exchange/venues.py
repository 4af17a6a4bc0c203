"""The venues by name, as a command, a file and a page write them, each opened for a ticket."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from desk.exchange.paper import PaperVenue
from desk.exchange.venue import Venue
from foundation.arguments import day, one_of
from foundation.errors import ConfigError
from research.portfolio import load_portfolio

if TYPE_CHECKING:
    from desk.exchange.alpaca import AlpacaVenue
    from desk.exchange.ccxt_venue import CcxtVenue
    from desk.exchange.interactive_brokers import InteractiveBrokersVenue

LIVE_NAME = "_live"  # ends the name of a venue of which there is one to practise on


class PaperPrices(NamedTuple):
    """The source of the prices of the paper venue; by default the ticket's own.

    as_of     : session that it plays, YYYY-MM-DD, or "".
    portfolio : portfolio file whose market has the prices, or None.
    quotes    : CSV of quotes, or None.
    """

    as_of: str = ""
    portfolio: Path | None = None
    quotes: Path | None = None


OF_TICKET = PaperPrices()


def venue_of(
    name: str, document: Mapping[str, Any], paper: PaperPrices = OF_TICKET, given: str = "--exchange is"
) -> AbstractContextManager[Venue]:
    """A venue for a ticket.

    name     : name of the venue.
    document : ticket.
    paper    : prices of the paper venue; the day and the quotes are refused for another one.
    given    : beginning of the sentence on a name of none.
    Raises   : ConfigError for a name of no venue, and for what only the paper venue takes.
    """
    check_venue(given, name)
    return VENUES[name](name, document, paper)


def check_venue(given: str, name: str) -> None:
    """Raise ConfigError for a name of no venue. given : begins its sentence."""
    one_of(given, name, VENUES)


def _paper(_: str, document: Mapping[str, Any], prices: PaperPrices) -> PaperVenue:
    """The paper venue on the session that is asked for."""
    portfolio = None if prices.portfolio is None else load_portfolio(prices.portfolio)
    session = day("--as-of is", prices.as_of).date() if prices.as_of else None
    return PaperVenue.for_ticket(document, portfolio=portfolio, quotes=prices.quotes, as_of=session)


def _alpaca(name: str, document: Mapping[str, Any], prices: PaperPrices) -> "AlpacaVenue":
    """Alpaca, by its API of paper or of live trading."""
    from desk.exchange.alpaca import LIVE, PAPER, AlpacaVenue, check_coins

    _check_no_paper(name, prices)
    check_coins(document)
    return AlpacaVenue(name, LIVE if name.endswith(LIVE_NAME) else PAPER)


def _ccxt(name: str, document: Mapping[str, Any], prices: PaperPrices) -> "CcxtVenue":
    """Binance or its test network, or Kraken, which has none."""
    from desk.exchange.ccxt_venue import CcxtVenue
    from desk.exchange.kraken import KrakenVenue

    _check_no_paper(name, prices)
    symbols = [row["symbol"] for row in (*document["orders"], *document.get("held", ()))]
    kind = KrakenVenue if name.startswith(KrakenVenue.exchange) else CcxtVenue
    return kind(name, symbols, live=name.endswith(LIVE_NAME))


def _interactive_brokers(name: str, document: Mapping[str, Any], prices: PaperPrices) -> "InteractiveBrokersVenue":
    """Interactive Brokers, through its gateway; of securities, those that it lists as stocks."""
    from desk.exchange.interactive_brokers import InteractiveBrokersVenue, check_stocks

    _check_no_paper(name, prices)
    check_stocks(document)
    rows = (*document["orders"], *document.get("held", ()))
    exchanges = {row["symbol"]: document.get("exchanges", {}).get(row["asset"], document["exchange"]) for row in rows}
    return InteractiveBrokersVenue(name, document["currency"], exchanges, live=name.endswith(LIVE_NAME))


def _check_no_paper(venue: str, prices: PaperPrices) -> None:
    for name, given in (("--as-of", prices.as_of), ("--quotes", prices.quotes)):
        if given:
            raise ConfigError(f"{name} is for the paper venue, and {venue} has its own: leave it out.")


VENUES: dict[str, Callable[[str, Mapping[str, Any], PaperPrices], AbstractContextManager[Venue]]] = {
    "paper": _paper,
    "alpaca": _alpaca,
    f"alpaca{LIVE_NAME}": _alpaca,
    "binance": _ccxt,
    f"binance{LIVE_NAME}": _ccxt,
    "interactive_brokers": _interactive_brokers,
    f"interactive_brokers{LIVE_NAME}": _interactive_brokers,
    f"kraken{LIVE_NAME}": _ccxt,
}
