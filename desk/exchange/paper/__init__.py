"""The paper venue, with which tickets of any day can be played."""

from desk.exchange.paper.fill_model import FillModel
from desk.exchange.paper.venue import PaperVenue

__all__ = ["FillModel", "PaperVenue"]
