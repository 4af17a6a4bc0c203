"""The manager of a portfolio file, or of a configuration, on an exchange that has the five methods of `IExchange`.

Nothing is decided here: the list is that of the file, with what the exchange holds and its prices; it is checked,
journalled and sent as any other ticket is.
"""

import tempfile
import warnings
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from desk.commands.portfolio_file.of_exchange import file_of_exchange, is_configuration, money_of
from desk.exchange.checks import checked
from desk.exchange.exchange_venue import ExchangeVenue, IExchange, balances_of, prices_of
from desk.exchange.execute import Execution, SentResult
from desk.exchange.moment import ANSWER_KINDS, Place, moment_of
from desk.exchange.stops import alone, stop_file
from desk.journal.chain import Event
from desk.journal.journal import Journal, utc_now
from desk.journal.records import Acknowledged, OrderSent, Refused
from desk.journal.tickets import list_event
from desk.tickets.ticket import make_ticket
from foundation.arrays import Array
from foundation.errors import ConfigError
from research.market.calendars import day_at
from research.orders import TradeList, trade_list
from research.portfolio import Portfolio, load_portfolio
from research.rules import Rule
from research.rules.protocol import traits

__all__ = ["IExchange", "PortfolioManager"]


class PortfolioManager:
    """Rebalances the portfolio of a file on an exchange.

    file  : portfolio file, with the name of the policy that decides; or the configuration of another module, of which
            a file is made from the balances and the history of the exchange when it is first asked.
    money : asset of the exchange's balances that is the cash of the portfolio, such as USDT; "" is that of the
            configuration, or the portfolio's currency.
    clock : gives the moment in UTC.
    """

    def __init__(self, file: str | Path, money: str = "", clock: Callable[[], datetime] = utc_now) -> None:
        self.file, self.money, self.clock = Path(file), money, clock
        self._of_exchange = tempfile.TemporaryDirectory() if is_configuration(self.file) else None
        if self._of_exchange is None:
            self.portfolio = load_portfolio(file)
        else:
            self.money = money or money_of(self.file)

    def _begin(self, exchange: IExchange) -> None:
        """Make the portfolio file of a configuration from what the exchange has."""
        if self._of_exchange is not None and not hasattr(self, "portfolio"):
            folder = Path(self._of_exchange.name)
            self.file = file_of_exchange(self.file, exchange, self.money, folder, self.clock())
            self.portfolio = load_portfolio(self.file)

    def get_current_allocation(self, exchange: IExchange) -> dict[str, float]:
        """By asset, the fraction of the value that the exchange holds; the rest is its money."""
        held = self._held(exchange)
        return _fractions(held, held.weights)

    def rebalance_portfolio(self, exchange: IExchange, dry_run: bool = False) -> dict[str, Any]:
        """Make the list of today from what the exchange holds, and send it.

        What is lost on such an exchange is a warning before anything is sent.
        dry_run : true to send nothing.
        Returns : `status` (completed, nothing_to_do, dry_run, partial, failed), `initial_allocation` and
                  `target_allocation` by asset as fractions, `trades` (type, asset, value, quantity, price, status and
                  reason of each), and `errors`, the sentences that stood against sending.
        Raises  : ConfigError for a file whose policy is not named, or has to be fitted first; NotKnown for balances
                  and prices that the exchange does not give, or are no numbers.
        """
        portfolio = self._held(exchange)
        listed = trade_list(portfolio, self._policy(), name=portfolio.policy or "", as_of=self._today())
        result: dict[str, Any] = {
            "status": "nothing_to_do" if listed.empty else "dry_run",
            "initial_allocation": _fractions(portfolio, portfolio.weights),
            "target_allocation": _fractions(portfolio, listed.target),
            "trades": [],
            "errors": [],
        }
        return result if listed.empty else result | self._sent(exchange, listed, dry_run)

    def settle(self, order: str, *, traded: bool) -> None:
        """Journal what became of an order that got no answer, as the exchange shows it; until then no list is sent.

        order  : id of the order, as `errors` has it.
        Raises : ConfigError for an order that was not sent, or has its answer.
        """
        with Journal() as journal:
            sent = {entry.kind: entry for entry in journal.entries(order=order)}
            if OrderSent.kind not in sent or ANSWER_KINDS & set(sent):
                what = "has its answer" if ANSWER_KINDS & set(sent) else "was not sent"
                raise ConfigError(f"order {order!r} {what}: see rebalance desk journal --order {order}")
            entry = sent[OrderSent.kind]
            about = (entry.record.venue, entry.record.venue_id)
            record = Acknowledged(*about) if traded else Refused("it did not trade", *about)
            journal.append([Event(record, entry.portfolio, entry.ticket, entry.run, order)])

    def _sent(self, exchange: IExchange, listed: TradeList, dry_run: bool) -> dict[str, Any]:
        """The outcome of a list that is not empty."""
        ticket = make_ticket(listed)
        document = {"hash": ticket.hash, **ticket.document}
        venue = ExchangeVenue(exchange, self._money, self.portfolio.basis, self.clock)
        with alone(self.portfolio.name), Journal() as journal:
            place = Place({}, f"rebalance trades {self.file}", stop_file())
            moment = moment_of(document, journal, venue, place)
            trades = [_trade(SentResult(order, None)) for order in moment.orders]
            errors = [fault for check in checked(moment) for fault in check.faults]
            if errors or dry_run:
                return {"status": "failed" if errors else "dry_run", "trades": trades, "errors": errors}
            warnings.warn(venue.notes[0], UserWarning, stacklevel=3)
            journal.append([list_event(document)])
            done = list(Execution(journal, venue, document, moment.orders, moment.quotes, stop_file).run())
        filled = sum(each.state is not None and each.state.status == "filled" for each in done)
        traded = any(each.state is not None and each.state.filled for each in done)
        status = "completed" if filled == len(done) else "partial" if traded else "failed"
        return {"status": status, "trades": list(map(_trade, done)), "errors": [each.why for each in done if each.why]}

    @property
    def _money(self) -> str:
        return self.money or self.portfolio.basis

    def _today(self) -> str:
        return str(day_at(self.clock(), self.portfolio.market.calendar))

    def _policy(self) -> Rule:
        """The active policy of the file."""
        name = self.portfolio.policy
        policy = None if name is None else self.portfolio.policies[name]
        if policy is None or not hasattr(policy, "decide"):
            what = "names no `policy`" if name is None else f"has the policy {name!r}, which has to be fitted first"
            raise ConfigError(f"{self.file} {what}: name one that decides as it stands, or use `rebalance trades`.")
        if not traits(policy).leaves_schedule_open:
            decides: Rule = policy
            return decides
        from backtests.comparison.fitting.candidates import fit  # takes seconds to import

        return fit(str(name), self.portfolio).policy

    def _held(self, exchange: IExchange) -> Portfolio:
        """The portfolio with what the exchange holds, at its prices."""
        self._begin(exchange)
        assets, balances = self.portfolio.market.assets, balances_of(exchange)
        symbols = {asset: self.portfolio.ticket.symbol(asset) for asset in assets}
        prices, today = prices_of(exchange, list(symbols.values())), self._today()
        held: dict[str, Any] = {"cash": float(balances.get(self._money, 0)), "positions": None}
        for asset, symbol in symbols.items():
            held[f"lines.{asset}.shares"] = float(balances.get(symbol, 0))
            held[f"lines.{asset}.holdings"] = None
        rows = [f"{asset},{prices[symbol]:f},{today}" for asset, symbol in symbols.items()]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "prices.csv"
            path.write_text("\n".join(["asset,price,date", *rows]))
            return load_portfolio(self.file, held | {"prices": str(path)})


def _fractions(portfolio: Portfolio, weights: Array) -> dict[str, float]:
    return dict(zip(portfolio.market.assets, map(float, weights), strict=True))


def _trade(sent: SentResult) -> dict[str, Any]:
    """An order as a trade of the result."""
    order, state = sent.order, sent.state
    return {
        "type": order.order.side,
        "asset": order.item,
        "value": order.value,
        "quantity": order.quantity,
        "price": order.price,
        "status": state.status if state else "not sent" if sent.is_known else "not known",
        "reason": sent.why if state is None else state.reason,
    }
