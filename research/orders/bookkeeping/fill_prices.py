"""The price of a fill beside that of its order: a decimal point that slipped, pence for pounds, a missing split."""

from typing import NamedTuple

from foundation.arguments import shown
from foundation.errors import DataError
from foundation.paper.wording import percent
from research.market.plausible import SPLIT_RETURN
from research.orders.fills import Fill
from research.portfolio import Portfolio
from research.portfolio.holdings.blotter import Blotter, SentOrder
from research.portfolio.holdings.prices import OK


class PriceGap(NamedTuple):
    """The distance of the price of a fill from that of its order.

    price : price at which the order was sized, or the exchange rate of the portfolio.
    by    : the price of the fill over it, minus 1.
    """

    price: float
    by: float

    def words(self, fill: Fill) -> str:
        """Both prices and their distance, in words."""
        price, far = f"{fill.price.normalize():,f}", percent(self.by, 0, signed=True)
        of = f"fill {shown(fill.fill_id)} of {shown(fill.asset)}"
        return f"{of}: price is {price}, {far} from {self.price:,.7g}, that of its order"


def price_gap(portfolio: Portfolio, fill: Fill) -> PriceGap | None:
    """The distance of the price of a fill from that of its order, None where no order with a price may be its own.

    Of several orders that may be its own, the nearest price counts; of an exchange, the rate of the portfolio.
    """
    blotter = portfolio.blotter or Blotter()
    like = [order for order in blotter.orders if (order.asset, order.side) == (fill.asset, fill.side)]
    own = [order for order in like if order.order_id == fill.order_id] or like
    by = float(blotter.factor(fill.asset, fill.day(portfolio.market.calendar)))  # the orders are in units of now
    prices = (price * by for price in (_price(portfolio, order, fill.currency) for order in own) if price)
    gaps = [PriceGap(price, float(fill.price) / price - 1.0) for price in prices]
    return min(gaps, key=lambda gap: abs(gap.by), default=None)


def _price(portfolio: Portfolio, order: SentOrder, currency: str) -> float | None:
    """The price of a unit of an order in a currency; None where that is not its own, or it has none."""
    assets, money = portfolio.market.assets, portfolio.currencies
    if order.asset in assets:
        return order.price if portfolio.quoted_in[assets.index(order.asset)] == currency else None
    if money is None or currency not in portfolio.cash_by_currency:
        return None
    return money.rates.rate(order.asset) / money.rates.rate(currency)


def check_price(portfolio: Portfolio, fill: Fill) -> None:
    """Raise DataError for a fill whose price is more than `SPLIT_RETURN` from that of its order.

    One that is booked, is of a day before the close of the orders, or whose asset or pair of currencies `prices_ok`
    names, is not looked at.
    """
    gap, blotter, pair = price_gap(portfolio, fill), portfolio.blotter or Blotter(), f"{fill.asset}{fill.currency}"
    if gap is None or abs(gap.by) <= SPLIT_RETURN or fill.key in blotter.fill_ids:
        return
    if blotter.asked and fill.day(portfolio.market.calendar) < blotter.asked:
        return
    name = fill.asset if fill.asset in portfolio.market.assets else pair
    if {name, f"{fill.currency}{fill.asset}"} & set(portfolio.settings.get(OK, ())):
        return
    file = portfolio.file.rpartition("/")[2]
    raise DataError(f"{gap.words(fill)}. Correct it, or, where it is right, write `{OK}: [{name}]` into {file}.")
