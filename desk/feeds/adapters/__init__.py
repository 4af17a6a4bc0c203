"""The sources of market data, by name: what each is asked, and how its answers become rows."""

from collections.abc import Mapping

from desk.feeds.adapter import Adapter
from desk.feeds.adapters.alpha_vantage import AlphaVantage
from desk.feeds.adapters.coins import BINANCE, COINBASE, KRAKEN
from desk.feeds.adapters.fred import Fred
from desk.feeds.adapters.nasdaq_data_link import NasdaqDataLink
from desk.feeds.adapters.stooq import Stooq
from desk.feeds.adapters.tiingo import Tiingo
from desk.feeds.adapters.yahoo import Yahoo

ADAPTERS: Mapping[str, Adapter] = {
    source.name: source
    for source in (Yahoo(), Tiingo(), Stooq(), AlphaVantage(), Fred(), NasdaqDataLink(), COINBASE, KRAKEN, BINANCE)
}
