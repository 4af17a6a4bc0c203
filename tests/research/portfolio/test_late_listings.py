"""What is said of an asset that is listed after the test begins, in reports and on trade lists."""

from backtests.comparison.comparison import backtest_warnings
from backtests.comparison.fitting.candidates import backtest_candidate, fit
from foundation.files import ROOT
from research.orders import trade_list
from research.portfolio import load_portfolio
from research.portfolio.late_listings import late_listings

FILE = ROOT / "data" / "portfolios" / "global_multi_asset.yaml"
OPENS = (
    "When the test opens, at the close of 2011-12-30, BTC (first on 2013-04-29) is not listed: 2.00 % of NAV in the "
    "target goes to the other assets meanwhile."
)
OUTSIDE = (
    " That alone puts SPY at 25.51 %, outside its range of 24.00 % to 25.50 %. Each such day of the test counts as one "
    "outside ranges: begin it later, or widen the ranges."
)


def test_a_late_listing_is_named_with_its_day_and_the_ranges_that_it_breaks() -> None:
    """Of a target of 0.25 beside bitcoin's 0.02, all others take 1 / 0.98: 0.2551."""
    late = {"test_start": "2012-01-03"}
    assert late_listings(load_portfolio(FILE)) == ()
    assert late_listings(load_portfolio(FILE, late)) == (OPENS,)
    narrow = load_portfolio(FILE, late | {"lines.SPY.range": [0.24, 0.255]})
    assert late_listings(narrow) == (OPENS + OUTSIDE,)
    assert OPENS + OUTSIDE in trade_list(narrow, narrow.policies["threshold"]).notes
    never = {"never": fit("never", narrow)}
    played = {"never": backtest_candidate(narrow, never["never"].policy, "never")}
    assert OPENS + OUTSIDE in backtest_warnings(narrow, never, played)


def test_an_asset_that_is_not_listed_at_the_last_close_is_named() -> None:
    keys = {"test_start": "2010-01-04", "last_trade": "2012-03-30", "lines.BTC.shares": None, "lines.BTC.holdings": 0}
    early = load_portfolio(FILE, keys, as_of="2012-06-29")
    said = "At the last close, 2012-06-29, BTC is not listed: 2.00 % of NAV in the target goes to the other assets"
    assert [words.startswith(said) for words in late_listings(early)] == [False, True]
