"""The tax of a trade list as tables and figures: the lots that it sells, losses that could be realised, and gaps."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress, groupby
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from foundation.arrays import Array
from research.accounting.lots.lot import LotSale
from research.orders.tax.tax_lots import AccountOrders, TradedLots, harvestable_sales, wash_sale_locks
from research.portfolio import Portfolio, TaxLot, TaxRules

SALE_COLUMNS = ("asset", "bought", "units", "cost_price", "price", "proceeds", "gain", "term", "disallowed", "tax")
HARVEST = (*SALE_COLUMNS, "substitute")
NO_SALE = ("locked", "buy_only")


def tax_table(portfolio: Portfolio, traded: TradedLots) -> pd.DataFrame:
    """A row for each sale and lot: when it was bought, its cost and gain, the loss that is disallowed, and its tax.

    Of a portfolio with accounts, with the account that sells. Amounts are in whole cents; those of an asset in one
    account sum to what all its units there come to.
    """
    tax = portfolio.tax_lots
    rows = [] if tax is None else _rows(portfolio, traded.sales, tax.rules)
    return pd.DataFrame(rows, columns=_columns(portfolio, SALE_COLUMNS))


def harvest_table(portfolio: Portfolio, prices: Array) -> pd.DataFrame:
    """A row for each lot whose loss could be realised after the orders, with its substitute.

    A substitute that a wash sale forbids to buy is not named, nor one whose loss, or that of its asset, would be
    disallowed if it is bought for another row.
    portfolio : portfolio after the orders.
    prices    : (n,) currency per unit.
    """
    market, tax = portfolio.market, portfolio.tax_lots
    if tax is None:
        return pd.DataFrame(columns=list(HARVEST))
    sales = [
        () if word in NO_SALE else harvestable_sales(lots, price, portfolio.trade_day, tax.rules, sheltered)
        for lots, price, word, sheltered in zip(tax.lots, prices.tolist(), market.trading, tax.sheltered, strict=True)
    ]
    rows = _rows(portfolio, sales, tax.rules)
    named = _substitutes(portfolio, tax.rules, dict.fromkeys(row["asset"] for row in rows))
    return pd.DataFrame([row | {"substitute": named[row["asset"]].name} for row in rows],
                        columns=_columns(portfolio, HARVEST))  # fmt: skip


class _Substitute(NamedTuple):
    """The substitute for an asset, "" for none, and the reason why there is none where the file names one."""

    name: str
    why: str = ""


def _substitutes(portfolio: Portfolio, rules: TaxRules, assets: Iterable[str]) -> dict[str, _Substitute]:
    """The substitute of each asset whose loss could be realised, so that all these losses can be realised together."""
    locks, sold = wash_sale_locks(portfolio), dict[str, str]()
    found = {}
    for asset in assets:
        instead, why = rules.substitutes.get(asset, ""), ""
        replaced = next((other for other, bought in sold.items() if bought == asset), "")
        if instead in locks:
            why = f"{instead} is not bought before {locks[instead]:%Y-%m-%d}, since it was sold at a loss"
        elif instead and rules.wash_sale_days and replaced:
            why = f"{asset} is itself the substitute of {replaced}, and buying it would disallow its own loss"
        elif instead and rules.wash_sale_days and instead in sold:
            why = f"{instead} could be sold at a loss as well, which buying it would disallow"
        elif instead:
            sold[asset] = instead
        found[asset] = _Substitute("" if why else instead, why)
    return found


def lock_substitute(portfolio: Portfolio, asset: str) -> str:
    """The substitute for an asset that a wash sale locks; "" where none is named, or that is locked."""
    tax = portfolio.tax_lots
    return "" if tax is None else _substitutes(portfolio, tax.rules, wash_sale_locks(portfolio))[asset].name


def tax_notes(portfolio: Portfolio, harvest: pd.DataFrame) -> tuple[str, ...]:
    """The day for which tax is computed, and the reason why a substitute is not named, in sentences.

    portfolio : portfolio after the orders.
    harvest   : its losses that could be realised, with their substitutes.
    """
    tax, day = portfolio.tax_lots, portfolio.trade_day
    if tax is None:
        return ()
    year = f", and its gains are of {day:%Y}" if tax.rules.gain_budget is not None else ""
    named = _substitutes(portfolio, tax.rules, harvest["asset"].unique())
    without = [f"No substitute is named for {asset}: {of.why}." for asset, of in named.items() if of.why]
    return (f"Tax is reckoned for {day:%Y-%m-%d}, the day on which orders are expected to trade{year}.", *without)


def tax_facts(portfolio: Portfolio, table: pd.DataFrame) -> dict[str, float]:
    """The totals of a `tax_table`, currency; and the rest of the gain budget, where there is one."""
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


def not_known(portfolio: Portfolio, orders: Sequence[AccountOrders], traded: TradedLots) -> tuple[str, ...]:
    """Names of the items that the tax of these orders, and their effect on the lots, does not take into account."""
    tax, rate = portfolio.tax_lots, portfolio.costs.tax
    if tax is None:
        return ("tax on gains",) if rate is not None and rate.rate > 0.0 else ()
    assets = portfolio.market.assets
    taxed = [each for each in orders if each.taxable]
    unknown = [any(each.units[i] < 0.0 and not _has(lots, each) for each in taxed) for i, lots in enumerate(tax.lots)]
    sold = list(compress(assets, unknown))
    at_loss = traded.at_loss if tax.rules.wash_sale_days > 0 else ()
    unseen = [
        (assets[i], each.account)
        for i in compress(range(len(assets)), at_loss)
        for each in orders
        if not each.taxable and each.held[i] > 0.0 and not _has(tax.sheltered[i], each)
    ]
    found = {
        f"tax on gains of {' and '.join(sold)} (no tax_lots)": bool(sold),
        f"gains of {' and '.join(sold)} in the gain budget (no tax_lots)": bool(sold)
        and tax.rules.gain_budget is not None,
        "wash sales in other accounts and of substantially identical assets": tax.rules.wash_sale_days > 0,
    }
    bought = (f"wash sales by purchases of {asset} in {account} (no tax_lots)" for asset, account in unseen)
    return (*(name for name, there in found.items() if there), *bought)


def _has(lots: Sequence[TaxLot], orders: AccountOrders) -> bool:
    """True if lots of an account are known."""
    return any(lot.account == orders.account for lot in lots)


def _columns(portfolio: Portfolio, columns: Sequence[str]) -> list[str]:
    """The columns with the account, where the portfolio has accounts."""
    return [*columns[:1], *(["account"] if portfolio.accounts else []), *columns[1:]]


def _rows(portfolio: Portfolio, sales: Sequence[Sequence[LotSale]], rules: TaxRules) -> list[dict[str, Any]]:
    return [
        ({"asset": asset, "account": account} if portfolio.accounts else {"asset": asset}) | row
        for asset, of_line in zip(portfolio.market.assets, sales, strict=True)
        for account, some in groupby(of_line, key=lambda sale: sale.lot.account)
        for row in _rows_of(list(some), rules)
    ]


def _rows_of(sales: Sequence[LotSale], rules: TaxRules) -> list[dict[str, Any]]:
    proceeds = _cents([sale.units * sale.price for sale in sales])
    gains = proceeds - _cents([sale.units * sale.lot.price for sale in sales])
    disallowed, taxes = (_cents(amounts) for amounts in ([s.disallowed for s in sales], [s.tax(rules) for s in sales]))
    return [
        {
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
