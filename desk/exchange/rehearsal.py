"""A rehearsal of a policy's lists on paper: each is made at a past close, sent on the next session, and journalled.

It shows what a journal of orders holds, and what is reported of it, without a broker.
"""

from collections import deque
from dataclasses import replace
from pathlib import Path

import numpy as np

from desk.exchange.execute import Execution
from desk.exchange.moment import Place, moment_of
from desk.exchange.paper import FillModel, PaperVenue
from desk.journal import Journal, list_event
from desk.tickets import make_ticket
from foundation.errors import ConfigError
from research.orders import Request, trade_list
from research.portfolio import Portfolio
from research.rules import Rule


def rehearse(portfolio: Portfolio, rule: Rule, name: str, sessions: int, folder: Path, model: FillModel) -> Portfolio:
    """Journal a list of each close before the last sessions of a market, traded to target on paper.

    portfolio : portfolio of one account and currency, with units, at costs that do not depend on the day; it begins
                with its units and cash.
    rule      : a policy of it that is ready to decide.
    name      : name of the policy.
    sessions  : number of the last sessions, on which the lists are filled.
    folder    : folder of the journal and of the paper venue, without either.
    model     : how orders are filled on paper.
    Returns   : the portfolio as the last fills leave it.
    Raises    : ConfigError for a market without quotes; as `trade_list` and `PaperVenue.for_ticket` do.
    """
    market = portfolio.market
    closes = market.prices[-1]
    if np.isnan(closes).any():
        name = market.assets[int(np.argmax(np.isnan(closes)))]
        raise ConfigError(
            f"{name} has no quote in market {market.name!r} of {portfolio.file}: orders on paper need quotes. "
            "Give the market `quotes`, or name a journal."
        )
    held = replace(
        portfolio, shares=np.where(np.isnan(portfolio.shares), portfolio.holdings / closes, portfolio.shares)
    )
    with Journal(folder) as journal:
        for day in market.dates[-sessions - 1 : -1]:
            known = market.until(day)
            held = replace(held, market=known, holdings=held.shares * known.prices[-1])
            listed = trade_list(held, rule, name=name, request=Request(to_target=True))
            ticket = make_ticket(listed)
            document = {"hash": ticket.hash, **ticket.document}
            journal.append([list_event(document)])
            with PaperVenue.for_ticket(document, portfolio=portfolio, model=model, folder=folder) as venue:
                moment = moment_of(document, journal, venue, Place({}, "", ""))
                execution = Execution(journal, venue, document, moment.orders, moment.quotes)
                deque(execution.run(), maxlen=0)
            held = listed.after(execution.fills)
    return held
