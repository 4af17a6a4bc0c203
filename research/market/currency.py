"""Assets in several currencies as assets of one: returns combine the local return and that of the exchange rate."""

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from foundation.arrays import Array
from foundation.errors import DataError
from research.market.cash import OF_BILL, bill_cash
from research.market.market import Market
from research.market.notes import Note
from research.market.rows import HUNDREDTHS

FX = "fx"  # the asset class of an exchange rate
# Currencies in the order in which markets name their pairs.
PAIR_ORDER = ("EUR", "GBP", "AUD", "NZD", "USD", "CAD", "CHF", "NOK", "SEK", "DKK", "HKD", "SGD", "CNH", "ZAR", "MXN",
          "PLN", "CZK", "HUF", "TRY", "ILS", "JPY")  # fmt: skip
Pair = tuple[str, str]  # the currency of which one unit is priced, and the one that it is priced in
Quoted = Mapping[Pair, tuple[str, Array]]  # by pair, its name and (T,) rates, NaN without

SIGNS = {
    "$": ("USD", "CAD", "AUD", "NZD", "HKD", "SGD"),
    "US$": ("USD",),
    "€": ("EUR",),
    "£": ("GBP",),
    "¥": ("JPY", "CNY"),
    "₹": ("INR",),
}  # the currencies that each may stand for
CURRENCIES = frozenset((  # whose codes are told from other words of three letters
    "AUD", "BRL", "CAD", "CHF", "CNH", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "INR", "JPY", "KRW",
    "MXN", "NOK", "NZD", "PLN", "SEK", "SGD", "TRY", "USD", "ZAR",
))  # fmt: skip


def may_be(unit: str, currency: str) -> bool:
    """True if an amount with this sign or code beside it may be of this currency."""
    return not unit or currency in SIGNS.get(unit, (unit,))


def is_currency(code: str) -> bool:
    """True for a code of three capital letters, or of hundredths such as GBp."""
    return code in HUNDREDTHS or re.fullmatch("[A-Z]{3}", code) is not None


def in_currency(market: Market, base: str = "USD", rates: Quoted | None = None) -> Market:
    """The market in the currency of the investor.

    market : its exchange rates are assets of asset class "fx", named by two currencies (EURUSD: US dollars per euro),
             in the second currency, with a quote on each day. Where only the inverse pair exists, USDEUR for EURUSD,
             it is inverted; two rates are never chained.
    rates  : rates that are no assets of the market, on its T dates, whichever way they are quoted; they are taken
             before those of its assets.
    base   : the currency of the investor. Where 1 + fx is the day's rate over the previous one, a return becomes (1 +
             local)(1 + fx) - 1, on halted days too, and a delisting return likewise; quotes, bars and dividends are
             multiplied by the day's rate. Units, volumes, splits and the rates themselves stay, and so does cash,
             which is taken as cash of `base`; where that is no dollar, and it earns the US bill, a warning says so.
    Raises : DataError for a rate whose name or currency does not fit, for a currency without a rate or with a rate for
             each way, and for a rate without a quote on a day on which an asset in its currency is listed.
    """
    currency = market.instruments["currency"]
    own = quoted_rates(market)
    are_rates = [name for name, _ in own.values()]
    foreign = [i for i, c in enumerate(currency) if c != base and market.assets[i] not in are_rates]
    of_cash = _foreign_bill(market, base)
    if not foreign:
        return replace(market, notes=(*market.notes, *of_cash)) if of_cash else market
    known = {**in_base(own, base), **in_base(rates or {}, base)}
    returns, factor, notes = np.array(market.returns), np.ones(market.shape), [*market.notes, *of_cash]
    for i in foreign:
        rate, pair = _rate_of(market, i, base, known)
        held = market.listed[:-1, i] & (market.listed[1:, i] | (np.arange(1, len(rate)) == market.exits[i]))
        converted = (1.0 + returns[1:, i]) * (rate[1:] / rate[:-1]) - 1.0
        returns[1:, i] = np.where(held, converted, 0.0)  # an asset earns from the day after its listing to its exit
        factor[:, i] = rate
        text = f"{market.assets[i]}, quoted in {currency.iloc[i]}, is converted to {base} at {pair}."
        notes.append(Note(text, [market.assets[i]]))
    left = np.flatnonzero(market.exits < len(returns))
    ends = market.instruments["delisting_return"].to_numpy(copy=True)
    ends[left] = returns[market.exits[left], left]
    currencies = [base if i in foreign else c for i, c in enumerate(currency)]
    paid = market.dividends
    return replace(
        market,
        returns=returns,
        prices=market.prices * factor,
        dividends=None if paid is None else np.where(paid > 0.0, paid * factor, 0.0),
        bars=None if market.bars is None else {name: bar * factor for name, bar in market.bars.items()},
        instruments=market.instruments.assign(currency=currencies, delisting_return=ends),
        notes=tuple(notes),
    )


def _foreign_bill(market: Market, base: str) -> tuple[Note, ...]:
    """A warning where cash of another currency than the dollar earns the embedded US bill, unless one is there."""
    text = OF_BILL.format(base)
    if base == "USD" or text in market.notes or not market.cash.any():
        return ()
    bill, _ = bill_cash(market.days, market.calendar)
    return (Note(text, warning=True),) if np.array_equal(market.cash[1:], bill[1:]) else ()


def quoted_rates(market: Market) -> dict[Pair, tuple[str, Array]]:
    """The exchange rates among the assets of a market. Raises DataError as `in_currency` does for what is no rate."""
    rates = {}
    for i, (asset, line) in enumerate(market.instruments.iterrows()):
        if line["asset_class"] != FX:
            continue
        pair = (str(asset)[:3], str(asset)[3:])
        if len(str(asset)) != 6 or line["currency"] != pair[1]:
            raise DataError(
                f"rate {asset} in market {market.name!r} is quoted in {line['currency']!r}: found a name that does not "
                "fit. Name it by two currencies of three letters, the one that is priced and the one it is priced in, "
                "such as EURUSD with currency USD."
            )
        rates[pair] = (str(asset), market.prices[:, i])
    return rates


def in_base(rates: Quoted, base: str) -> dict[str, tuple[str, Array]]:
    """The name of the rate of each foreign currency and (T,) the price of one unit in `base`; other pairs are left out.

    rates  : rates of one source.
    Raises : DataError for a currency that is quoted both ways.
    """
    found: dict[str, tuple[str, Array]] = {}
    for (of, into), (name, rate) in rates.items():
        if base not in (of, into):
            continue
        foreign = of if into == base else into
        if foreign in found:
            raise DataError(
                f"{foreign} is quoted both ways: found {found[foreign][0]} and {name}. Keep one of the two."
            )
        found[foreign] = (name, rate if into == base else 1.0 / rate)
    return found


def _rate_of(market: Market, i: int, base: str, rates: Mapping[str, tuple[str, Array]]) -> tuple[Array, str]:
    """(T,) price in `base` of one unit of the currency of asset `i`, NaN where it does not matter; and its asset."""
    asset, foreign = market.assets[i], str(market.instruments["currency"].iloc[i])
    if foreign not in rates:
        first = market.days[int(np.argmax(market.listed[:, i]))]
        raise DataError(
            f"no rate for {asset}, which is quoted in {foreign}, on {first} in market {market.name!r}: found neither "
            f"{foreign + base} nor {base + foreign} among the assets of asset class 'fx'. Add one, quoted."
        )
    pair, rate = rates[foreign]
    quoted = [~np.isnan(panel[:, i]) for panel in (market.prices, *(market.bars or {}).values())]
    needed = market.listed[:, i] | (np.arange(len(rate)) == market.exits[i]) | np.any(quoted, axis=0)
    missing = needed & np.isnan(rate)
    if missing.any():
        day = market.days[int(np.argmax(missing))]
        raise DataError(
            f"rate {pair} missing for {asset}, which is quoted in {foreign}, on {day} in market {market.name!r}: found "
            "nan. Give a quote for every day on which the asset is listed."
        )
    return np.where(needed, rate, np.nan), pair
