"""The quality of market data: what looks wrong in the rows of some assets, and what each loses for it.

bars : an asset's bars by themselves.  peers : growth net of the median peer.  moves : what peers do not explain.
findings : a finding, and the points that each kind costs.  report : the check of a set of assets, and its result.
series : the check of series, which are no prices.
"""

from typing import TYPE_CHECKING

from foundation.quick_imports import lazy_names

if TYPE_CHECKING:
    from research.market.quality.findings import FINDING_KINDS, Finding
    from research.market.quality.report import Quality, check, check_market, differences, known_of, market_warnings
    from research.market.quality.series import SeriesQuality, check_series
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__)
