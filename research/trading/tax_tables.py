"""The tax of a trade list as tables and figures: the lots that it sells, losses that could be realised, and gaps."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from research.arrays import Array
from research.portfolio import Portfolio, TaxLots, TaxRules
from research.trading.tax_lots import LotSale, TradedLots, harvestable

COLUMNS = ("asset", "bought", "units", "cost_price", "price", "proceeds", "gain", "term", "disallowed", "tax")
HARVEST = ("asset", "bought", "units", "cost_price", "price", "proceeds", "gain", "term", "disallowed", "tax",
           "substitute")  # fmt: skip
NO_SALE = ("locked", "buy_only")


def tax_table(portfolio: Portfolio, traded: TradedLots) -> pd.DataFrame:
    """A row for each sale and lot: when it was bought, its cost and gain, the loss that is disallowed, and its tax.

    Amounts are in whole cents; those of an asset sum to what all its units come to.
    """
    tax = portfolio.tax_lots
    rows = [] if tax is None else _rows(portfolio.market.assets, traded.sales, tax.rules)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def harvest_table(portfolio: Portfolio, tax: TaxLots | None, prices: Array) -> pd.DataFrame:
    """A row for each lot whose loss could be realised after the orders, with what may be bought in its place.

    portfolio : of the list.
    tax       : the lots after the orders, or None.
    prices    : (n,) currency per unit.
    """
    if tax is None:
        return pd.DataFrame(columns=list(HARVEST))
    market, rules = portfolio.market, tax.rules
    sales = [
        () if word in NO_SALE else harvestable(lots, price, portfolio.date, rules)
        for lots, price, word in zip(tax.lots, prices.tolist(), market.trading, strict=True)
    ]
    rows = _rows(market.assets, sales, rules)
    return pd.DataFrame([row | {"substitute": rules.substitutes.get(row["asset"], "")} for row in rows],
                        columns=list(HARVEST))  # fmt: skip


def tax_facts(portfolio: Portfolio, table: pd.DataFrame) -> dict[str, float]:
    """The totals of a `tax_table`, currency; what the gain budget leaves, where there is one."""
    realised = table["gain"] + table["disallowed"]
    facts = {
        "gain_short": realised[table["term"] == "short"].sum(),
        "gain_long": realised[table["term"] == "long"].sum(),
        "loss_disallowed": table["disallowed"].sum(),
        "tax": table["tax"].sum(),
    }
    tax = portfolio.tax_lots
    if tax is not None and tax.rules.gain_budget is not None:
        facts["gain_budget_left"] = tax.rules.gain_budget - tax.rules.realised - realised.sum()
    return {name: round(float(amount), 2) + 0.0 for name, amount in facts.items()}


def tax_words(facts: Mapping[str, Any], basis: str) -> list[str]:
    """The tax on realised gains as a sentence, from `tax_facts`; none where the portfolio has no tax lots."""
    if "tax" not in facts:
        return []
    lost = f"; losses of {facts['loss_disallowed']:,.2f} are disallowed" if facts["loss_disallowed"] else ""
    left = f" The gain budget leaves {facts['gain_budget_left']:,.2f}." if "gain_budget_left" in facts else ""
    gains = f"short-term {facts['gain_short']:,.2f}, long-term {facts['gain_long']:,.2f}{lost}"
    return [f"Realised gains: {gains}. Tax on them {facts['tax']:,.2f} {basis}, not taken from the cash above.{left}"]


def not_known(portfolio: Portfolio, units: Array) -> tuple[str, ...]:
    """What the tax of these orders (n,), buys positive, does not take into account, by name."""
    tax, rate = portfolio.tax_lots, portfolio.costs.tax
    if tax is None:
        return ("tax on gains",) if rate is not None and rate.rate > 0.0 else ()
    sold = [
        a for a, lots, u in zip(portfolio.market.assets, tax.lots, units.tolist(), strict=True) if u < 0 and not lots
    ]
    found = {
        f"tax on gains of {' and '.join(sold)} (no tax_lots)": bool(sold),
        f"gains of {' and '.join(sold)} in the gain budget (no tax_lots)": bool(sold)
        and tax.rules.gain_budget is not None,
        "wash sales in other accounts and of substantially identical assets": tax.rules.wash_sale_days > 0,
    }
    return tuple(name for name, there in found.items() if there)


def _rows(assets: Sequence[str], sales: Sequence[Sequence[LotSale]], rules: TaxRules) -> list[dict[str, Any]]:
    return [row for asset, of_line in zip(assets, sales, strict=True) if of_line
            for row in _rows_of(asset, of_line, rules)]  # fmt: skip


def _rows_of(asset: str, sales: Sequence[LotSale], rules: TaxRules) -> list[dict[str, Any]]:
    proceeds = _cents([sale.units * sale.price for sale in sales])
    gains = proceeds - _cents([sale.units * sale.lot.price for sale in sales])
    disallowed, taxes = (_cents(amounts) for amounts in ([s.disallowed for s in sales], [s.tax(rules) for s in sales]))
    return [
        {
            "asset": asset,
            "bought": f"{sale.lot.date:%Y-%m-%d}",
            "units": sale.units,
            "cost_price": sale.lot.price,
            "price": sale.price,
            "proceeds": proceeds[k],
            "gain": round(gains[k], 2) + 0.0,
            "term": "long" if sale.long else "short",
            "disallowed": disallowed[k],
            "tax": taxes[k],
        }
        for k, sale in enumerate(sales)
    ]


def _cents(amounts: Sequence[float]) -> Array:
    """Amounts (k,) in whole cents, which sum to the whole cents of their sum."""
    sums: Array = np.rint(np.cumsum([0.0, *amounts]) * 100.0)
    return np.diff(sums) / 100.0 + 0.0
