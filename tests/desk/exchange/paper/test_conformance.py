"""The paper venue does what a venue must do."""

from pathlib import Path

from paper_desk import order, paper
from venue_conformance import PartialFillConformance

from desk.exchange.paper import FillModel, PaperVenue


class TestPaperVenue(PartialFillConformance):
    """At the close, with half of the volume at most."""

    filled = order("buy", "A", 10.0)
    resting = order("sell", "A", 20.0, order_type="limit", limit_price=150.0)
    partial = order("buy", "THIN", 20.0, price=10.0)
    refused = order("buy", "A", 1_000.0)

    def open_venue(self, folder: Path) -> PaperVenue:
        return paper(folder, FillModel(participation=0.5))


class TestPaperVenueByItsClock(TestPaperVenue):
    """In several fills that take their time, with a spread."""

    def open_venue(self, folder: Path) -> PaperVenue:
        return paper(folder, FillModel("clock", half_spread_bps=5.0, participation=0.5, parts=4, latency=30.0))
