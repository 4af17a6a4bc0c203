"""A rehearsal on paper: its journal is whole, its account holds what its fills say, and it costs what paper charges."""

from pathlib import Path

import numpy as np
import pytest

from desk.exchange.paper import FillModel, PaperVenue
from desk.exchange.rehearsal import rehearse
from desk.journal import Journal, verify
from desk.tca.orders import read_orders
from desk.tca.report import Report
from desk.tickets import make_ticket
from research.orders import trade_list
from research.orders.shortfall import SHORTFALL_PARTS
from research.portfolio import load_portfolio

SESSIONS = 4
MODEL = FillModel("clock", half_spread_bps=2.0, parts=2, latency=5.0)


def test_lists_of_past_closes_are_filled_on_paper_and_journalled(tmp_path: Path) -> None:
    portfolio = load_portfolio(Path(__file__).parents[3] / "data/portfolios/sixty_forty.yaml")
    rule = portfolio.policies["threshold"]
    after = rehearse(portfolio, rule, "threshold", SESSIONS, tmp_path, MODEL)
    with Journal(tmp_path, read_only=True) as journal:
        assert verify(journal).faults == ()
        lists = [entry.record for entry in journal.entries(kind="list")]
        table, faults = read_orders(journal)
    days = [str(day) for day in portfolio.market.days[-SESSIONS - 1 :]]
    assert [made.last_close for made in lists] == days[:-1]
    assert (faults, set(table["day"]) - set(days[1:])) == ((), set())
    assert set(table["state"]) == {"filled"}
    assert np.allclose(table[list(SHORTFALL_PARTS)].sum(axis=1, skipna=False), table["total"], rtol=0.0, atol=1e-10)
    next_list = make_ticket(trade_list(after, rule))
    with PaperVenue.for_ticket(next_list.document, portfolio=portfolio, folder=tmp_path) as venue:
        assert [venue.units("")[asset] for asset in portfolio.market.assets] == after.shares.tolist()
        assert float(venue.cash("")["USD"]) == pytest.approx(after.cash, abs=1e-9)
    costs = {each.part: each.mean for each in Report(table).parts}
    assert np.allclose([costs[part].value for part in ("spread", "impact", "timing", "fees")], [2, 0, 0, 1], atol=0.02)  # type: ignore[union-attr]
