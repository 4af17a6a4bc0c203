"""The text of a new portfolio file: from weights or a broker's positions, with classes from the table of instruments.

The text depends on the arguments and the files that they name, and on no clock: the same ones give the same bytes.
"""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal
from itertools import islice
from pathlib import Path
from shlex import quote
from textwrap import wrap
from typing import NamedTuple

import numpy as np

from desk.commands.portfolio_file.broker_terms import CLASS_COSTS, BrokerCosts, broker_costs, read_terms
from desk.commands.portfolio_file.new_settings import (
    CALENDARS,
    LLM_ASSISTED,
    RANGE_STEP,
    Settings,
    estimation_key,
    range_of,
    read_settings,
)
from desk.commands.portfolio_file.yaml_text import yaml_word
from foundation.arguments import LARGEST_NUMBER, did_you_mean, is_number, one_of, shown
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import ConfigError
from foundation.files import write_whole
from foundation.names import check_name
from foundation.table_files import plain_number
from research import portfolio
from research.market.calendars import sessions
from research.market.cash import yearly_of_bill
from research.market.reading.known_instruments import ISIN, SOURCES, Instrument, isin, known_instruments
from research.market.store import named_store, store_names
from research.portfolio.file.faults import Faults
from research.portfolio.file.kinds import ISO_CODE
from research.portfolio.holdings.brokers.positions import CASH_WORD, IGNORE_WORD, held_symbols, read_positions
from research.portfolio.holdings.held_rows import Positions
from research.portfolio.unstated import FEE_MARKS, MATERIALITY

NOBODY_HOLDS = {
    "index": "an index",
    "series": "an economic series",
    "fx": "an exchange rate",
}  # kinds that nobody holds
NO_EXCHANGE = ("24/7", "24/5")  # calendars of no exchange
NO_ASSET = (CASH_WORD, IGNORE_WORD)  # words of a row of positions that is none
NOT_YET = "It cannot be read yet. "
MOST_HINTED = 100  # unknown symbols that are told, with near ones
NO_CLASS = "is not in the table of instruments, or has no class there."
OWN_TABLE = "instruments.csv beside the stores of prices (docs/data.md)"
ONE, HUNDRED = Decimal(1), Decimal(100)
A_WEEK = np.datetime64("2022-01-03"), np.datetime64("2022-01-07")  # which every calendar has
WEIGHT_STEP = Decimal("1e-9")  # fraction of NAV
LEAST_BESIDE_SMALL = 90  # percent that weights add up to, from which one of at most 1 is taken for a percent too


@dataclass(frozen=True)
class NewFile:
    """A new file as it was asked for.

    file      : path of the file.
    weights   : words such as SPY=60, in percent or as fractions.
    nav       : cash to begin with, where nothing is held yet, or None.
    positions : a broker's file, or None.
    seed      : the configuration of another module, or None.
    profile   : name of a profile, "" for that of the seed or the usual one.
    source, store : source of the prices, and name of a store of imported ones, "" for none; one of the two.
    classes   : by symbol, the class of an asset, with its currency and the calendar of its exchange (equity,EUR,XETR),
                where the table does not have it or has another listing; or of a row of positions, "cash" or "ignore".
    currency  : currency of the portfolio, "" for that of the seed, else the one of all assets, else USD.
    broker    : what the broker takes, such as ticket=5.90,half_spread_bps=3 (`BROKER_TERMS`).
    """

    file: Path
    weights: Sequence[str] = ()
    nav: float | None = None
    positions: Path | None = None
    seed: Path | None = None
    profile: str = ""
    source: str = "yahoo"
    store: str = ""
    classes: Mapping[str, str] = field(default_factory=dict)
    currency: str = ""
    broker: str = ""


class NewText(NamedTuple):
    """The text of a new file, sentences on it, and the positions that it is made from, if any."""

    text: str
    notes: tuple[str, ...]
    positions: Positions | None


@dataclass(frozen=True)
class _Draft:
    """The content of the file.

    settings    : those of the profile and the seed.
    terms       : those of the broker that are stated.
    costs       : costs by asset class.
    cash        : value of the key `cash` of the market, "" for none: cash earns nothing.
    assumed     : the keys whose values nobody stated.
    unstated    : ids of a store that states no currency of them: their prices are taken to be in the portfolio's.
    assets      : instruments by id, in the order of the file.
    targets     : by id, fraction of NAV; with target_cash they are 1.
    holdings    : the keys that state what is held.
    notes       : sentences on what was set and assumed, which the file repeats.
    positions   : positions of this day, None without a broker's file.
    """

    asked: NewFile
    settings: Settings
    terms: Mapping[str, float]
    costs: BrokerCosts
    cash: str
    assumed: Sequence[str]
    unstated: Collection[str]
    assets: Mapping[str, Instrument]
    targets: Mapping[str, Decimal]
    target_cash: Decimal
    holdings: str
    notes: tuple[str, ...]
    positions: Positions | None


def check_new(file: Path) -> None:
    """Raise ConfigError for a file that is there."""
    if file.exists():
        raise ConfigError(f"{file} is there already, and is not overwritten. Give another name, or remove it.")


def write_new(asked: NewFile) -> str:
    """Write the file, and give what is to be said of it. Raises ConfigError for a file that is there, as `new_text`."""
    check_new(asked.file)
    text, notes, _ = new_text(asked)
    write_whole(asked.file, text)
    command = f"data import TABLE --as {asked.store}" if asked.store else f"data fetch {asked.file}"
    if asked.store in store_names():
        stored = _stored_currencies(asked.store)
        if absent := [symbol for symbol, one in _instruments(asked, stored).items() if one.asset_id not in stored]:
            notes = (*notes, f"Store {asked.store} has no prices of {', '.join(absent)}: import them into it.")
        else:
            said = on_loading(asked.file)
            notes = (*notes, *said)
            command = f"{'data check' if said and said[0].startswith(NOT_YET) else 'report'} {asked.file}"
    return "\n".join([*dict.fromkeys(notes), f"Written to {asked.file}.", f"Next: rebalance {command}"])


def on_loading(file: Path) -> tuple[str, ...]:
    """The sentences on a new file and its prices, such as on the age of positions, or on why it cannot be read yet."""
    try:
        return portfolio.load_portfolio(file, trust_code=False).notes  # imported where it is asked for
    except ConfigError as error:
        return (f"{NOT_YET}{error}",)


def new_text(asked: NewFile) -> NewText:
    """The text of the file, with sentences on what was set and assumed, and the positions.

    Raises : ConfigError for what is wrong in the arguments or in the seed, and for assets that nobody holds or knows;
             DataError for what is wrong in the positions or in the table of instruments.
    """
    draft = _draft(asked)
    blocks = [_head(draft), _lines(draft), _costs(draft), _judging(draft), _policies(draft)]
    on_reading = draft.positions.notes if draft.positions else ()
    return NewText("\n\n".join(blocks) + "\n", (*on_reading, *draft.notes), draft.positions)


def unknown_symbols(asked: NewFile) -> dict[str, str]:
    """The symbols whose class neither the table of instruments nor `classes` says, each with a hint at near ones.

    The first `MOST_HINTED` have a hint.
    """
    known = known_instruments()
    open_ones = [s for s in _symbols(asked) if s not in asked.classes]
    unknown = [s for s in open_ones if not ((one := known.find(s)) and one.asset_class)]
    return {s: known.nearest(s) if k < MOST_HINTED else "" for k, s in enumerate(unknown)}


# -- what was asked for ----------------------------------------------------------------------------------------------


def _symbols(asked: NewFile) -> list[str]:
    """The symbols of weights and positions as they are written."""
    held = held_symbols(asked.positions) if asked.positions else ()
    declared = {symbol for symbol, word in asked.classes.items() if word in NO_ASSET}
    return [symbol for symbol in dict.fromkeys([*_weights(asked.weights), *held]) if symbol not in declared]


def _weights(words: Iterable[str]) -> dict[str, Decimal]:
    """Fractions by symbol, from SPY=60 or SPY=0.6.

    Raises : ConfigError for other words, for a sum above 1, and for fractions among percents.
    """
    found: dict[str, Decimal] = {}
    for word in words:
        symbol, _, number = word.rpartition("=")
        value = plain_number(number.removesuffix("%"))
        if not symbol or value is None or not 0.0 <= value <= HUNDRED:
            raise ConfigError(
                f"{shown(word)} is no weight: write symbol=weight, 0 to 100 percent, such as SPY=60 or SPY=33.3."
            )
        if symbol in found:
            raise ConfigError(f"{symbol} has two weights: found {shown(word)} after the first. Give their sum.")
        found[symbol] = Decimal(number.removesuffix("%"))
    total = sum(found.values(), Decimal(0))
    fractions = max(found.values(), default=ONE) <= ONE and not any(word.endswith("%") for word in words)
    whole = ONE if fractions else HUNDRED
    if total > whole:
        fix = f"Lower them by {total - whole:f} in all; cash takes what they leave."
        raise ConfigError(f"the weights add up to {total:f}, more than {whole}: found {' '.join(words)}. {fix}")
    small = [word for word in words if not word.endswith("%") and 0 < found[word.rpartition("=")[0]] <= ONE]
    if not fractions and small and total < LEAST_BESIDE_SMALL:
        fix = f"Write all in percent or all as fractions, and {small[0] + '%'} where so little is meant."
        raise ConfigError(f"the weights are in two units, and add up to {total:f}: found {' '.join(words)}. {fix}")
    return {symbol: weight / whole for symbol, weight in found.items()}


def _instruments(asked: NewFile, stored: Mapping[str, str]) -> dict[str, Instrument]:
    """The instrument of each symbol.  stored : as `_stored_currencies` gives it.

    Raises ConfigError for one that is unknown, is two, or cannot be held."""
    known = known_instruments()
    if unknown := unknown_symbols(asked):
        for symbol in unknown:
            _check_isin(symbol)
        row = ", or of a row that is no asset =cash or =ignore" if asked.positions else ""
        fix = f"(or another class, with currency and exchange: equity,EUR,XETR{row}), or add it to {OWN_TABLE}"
        told = [
            f"{s} {NO_CLASS} {hint}Say what it is, `--symbol {quote(f'{s}={_guess(s, asked)}')}` {fix}."
            for s, hint in islice(unknown.items(), MOST_HINTED)
        ]
        told += [f"So are {len(unknown) - MOST_HINTED:,} more."] * (len(unknown) > MOST_HINTED)
        raise ConfigError("\n".join([*told, f"The classes are {', '.join(CLASS_COSTS)}."]))
    _check_stated(asked)
    found: dict[str, Instrument] = {}
    of_row = held_symbols(asked.positions) if asked.positions else {}
    for symbol in _symbols(asked):
        one = known.find(symbol) or Instrument(symbol.strip().upper().replace("/", "-").replace(" ", "-"))
        one = replace(one, asset_id=_stored_id(symbol, one.asset_id, stored))
        check_name("symbol is", one.asset_id)
        one = replace(one, currency=stored.get(one.asset_id) or one.currency or of_row.get(symbol, ""))
        if symbol in asked.classes:
            one = _classed(one, asked.classes[symbol])
        if one.kind in NOBODY_HOLDS:
            raise ConfigError(
                f"{symbol} is {NOBODY_HOLDS[one.kind]}, {one.name}, and cannot be held: name a fund of it."
            )
        if one.delisted:
            raise ConfigError(f"{symbol} ({one.name}) was delisted on {one.delisted} and cannot be held: leave it out.")
        found[symbol] = one
    for symbol, stated in asked.classes.items():
        if symbol not in found and stated not in NO_ASSET:
            raise ConfigError(f"--symbol {symbol}: no such asset is asked for. {did_you_mean(symbol, found)}")
    return found


def _check_stated(asked: NewFile) -> None:
    """Raise ConfigError for all that is wrong in what is stated of symbols."""
    faults, weights = Faults(), _weights(asked.weights)
    for symbol, stated in asked.classes.items():
        with faults:
            if stated not in NO_ASSET:
                _classed(Instrument(symbol), stated)
            elif asked.positions is None:
                raise ConfigError(f"--symbol {symbol}={stated} says what a row of --positions is: give that file.")
            elif symbol in weights:
                raise ConfigError(f"--symbol {symbol}={stated}: it has a weight. Leave one of the two out.")
    faults.end()


def _stored_currencies(name: str) -> dict[str, str]:
    """The currency of the prices of each asset of a store, "" where its table stated none; {} for no store."""
    if name not in store_names():
        return {}
    store = named_store(name)
    return dict(zip(ids := store.assets(), store.read(ids, ()).currency, strict=True))


def _stored_id(symbol: str, asset: str, stored: Collection[str]) -> str:
    """The id of a symbol in a store: the symbol itself, its id `asset`, or the one that differs in case; else `asset`.

    stored : the ids of the store.
    """
    in_any_case = {one.casefold(): one for one in stored}
    return next((one for one in (symbol, asset) if one in stored), in_any_case.get(symbol.casefold(), asset))


def _classed(one: Instrument, stated: str) -> Instrument:
    """The instrument with class, currency and calendar as the command line states them, each of the last two or not.

    Raises : ConfigError for an unknown class or calendar, for what is no currency, and for an ISIN that is none.
    """
    place = f"--symbol {one.asset_id}"
    asset_class, currency, calendar, *more = [*stated.split(","), "", ""]
    if any(more):
        raise ConfigError(
            f"{place}: found {shown(stated)}. Write class, currency and exchange, such as equity,EUR,XETR."
        )
    if asset_class not in CLASS_COSTS:
        raise ConfigError(
            f"{place}: unknown asset class: found {shown(asset_class)}. "
            f"{did_you_mean(asset_class, CLASS_COSTS)} A class of your own stands in {OWN_TABLE}."
        )
    if currency and not ISO_CODE.fullmatch(currency):
        raise ConfigError(f"{place}: no currency: found {shown(currency)}. Write its code, such as EUR.")
    _check_isin(one.asset_id)
    if calendar and calendar != one.calendar:
        try:
            sessions(*A_WEEK, calendar)
        except ConfigError as error:
            raise ConfigError(f"{place}: {error}") from error
        one = replace(one, calendar=calendar, symbols={})  # another listing, whose symbols the table does not have
    return replace(one, asset_class=asset_class, currency=currency or one.currency)


def _check_isin(symbol: str) -> None:
    """Raise ConfigError for what has the form of an ISIN and another check digit."""
    if ISIN.fullmatch(symbol):
        try:
            isin(symbol)
        except ValueError:
            fix = "Its last sign is a check digit, which does not fit: copy it again."
            raise ConfigError(f"{symbol} is no ISIN. {fix}") from None


def _guess(symbol: str, asked: NewFile) -> str:
    """The class, or the word for a row that is no asset, of the example for a symbol that is not known."""
    return "cash" if asked.positions and "cash" in symbol.casefold().split() else "us_equity"


def _in_common_currency(asked: NewFile, settings: Settings, assets: Iterable[Instrument]) -> tuple[Settings, list[str]]:
    """The settings in the currency asked for, or in the one of all assets, where no seed states another.

    Gives with them a sentence on the currency of all assets, where that is taken.
    Raises : ConfigError for what is no currency.
    """
    if asked.currency:
        if not ISO_CODE.fullmatch(asked.currency):
            raise ConfigError(f"--currency: no currency: found {shown(asked.currency)}. Write its code, such as EUR.")
        return replace(settings, basis=asked.currency), []
    quoted = {one.currency for one in assets}
    if len(quoted - {""}) > 1 and not asked.seed:
        others = ", ".join(sorted(quoted - {"", settings.basis}))
        return settings, [
            f"All amounts are in {settings.basis}, and some assets in {others}: --currency states another."
        ]
    if asked.seed or len(quoted) != 1 or quoted <= {"", settings.basis}:
        return settings, []
    (basis,) = quoted
    return replace(settings, basis=basis), [f"All amounts are in {basis}, the currency of all assets."]


def _draft(asked: NewFile) -> _Draft:
    """The content of the file, all of it checked."""
    check_name("the name of the file is", asked.file.stem)
    if asked.store:
        check_name("--store", asked.store)
    else:
        one_of("--source is", asked.source, SOURCES)
    if (asked.nav is None) == (asked.positions is None):
        raise ConfigError("the holdings are not clear: give --nav, cash to begin with, or --positions: one of the two.")
    if asked.nav is not None and not (is_number(asked.nav) and 0.0 < asked.nav <= LARGEST_NUMBER):
        raise ConfigError(f"--nav is {asked.nav!r}: give an amount above zero.")
    if not asked.weights and asked.positions is None:
        raise ConfigError("no assets are named: give each with its weight, such as SPY=60 AGG=40, or --positions.")
    terms = read_terms(asked.broker)
    settings, notes = read_settings(asked.seed, asked.profile)
    stored = _stored_currencies(asked.store)
    of_symbol = _instruments(asked, stored)
    assets = {one.asset_id: one for one in of_symbol.values()}
    settings, in_basis = _in_common_currency(asked, settings, assets.values())
    weights: dict[str, Decimal] = {}
    for symbol, weight in _weights(asked.weights).items():
        asset = of_symbol[symbol].asset_id
        if asset in weights:
            raise ConfigError(f"{symbol} is {asset}, which has a weight already: give it once.")
        weights[asset] = weight
    found = None
    if asked.positions:
        declared = {symbol: word for symbol, word in asked.classes.items() if word in NO_ASSET}
        holdings, found = _held(asked.positions, asked.file, of_symbol, settings.basis, declared)
        weights = weights or _present_weights(found, assets, settings.basis)
    else:
        holdings = f"cash: {_plain(Decimal(str(asked.nav)))}    # nothing is held yet: the first trade list buys"
    targets, rest, more = _targets({asset: weights.get(asset, Decimal(0)) for asset in assets}, settings)
    if sold := [asset for asset, target in targets.items() if not target]:
        notes += (f"{', '.join(sold)}: a target of 0, so that what is held is sold.",)
    notes += _on_trading(assets)
    worth = asked.nav if found is None else _worth(found)
    costs = broker_costs([one.asset_class for one in assets.values()], terms, worth, settings.basis)
    cash, is_assumed = _cash(asked, settings.basis, terms, assets)
    assumed = [*costs.assumed, *(() if settings.is_stated else ("tracking_penalty",)), "materiality_bps"]
    assumed += ["cash"] if is_assumed else []
    said = (*notes, *_names(of_symbol), *in_basis, *more)
    unstated = [asset for asset, currency in stored.items() if not currency]
    return _Draft(asked, settings, terms, costs, cash, assumed, unstated, assets, targets, rest, holdings, said, found)


def _worth(found: Positions) -> float | None:
    """About what an export is worth, its currencies as if they were one; None where it does not say of each row."""
    values = [row.value if row.value is not None else row.units * (row.price or np.nan) for row in found.held]
    worth = sum(values) + sum((found.balances or {}).values())
    return None if np.isnan(worth) else float(worth)


def _cash(asked: NewFile, basis: str, terms: Mapping[str, float], assets: Mapping[str, Instrument]) -> tuple[str, bool]:
    """The interest on cash as the file states it, and whether it is assumed.

    It is as stated, else in dollars the bill, carried on at its last rate where a store has later prices, else none.
    """
    if "cash" in terms:
        return f"{terms['cash']:g}", False
    if basis != "USD":
        return "", True
    from research.portfolio.keys.stored_market import bill_rates  # with all that reads a market

    kept = [one.asset_id for one in assets.values()]
    if asked.store in store_names() and (kept := sorted({*kept} & {*named_store(asked.store).assets()})):
        rates = bill_rates()
        if named_store(asked.store).read(kept, ()).days.max() > rates.days[-1]:
            return f"{{after_bill: {yearly_of_bill(rates.percent[-1]):.4g}}}", True
    return "bill", False


def _exchanges(assets: Iterable[Instrument]) -> list[str]:
    """The calendars of the listings on exchanges; where none is known, of the largest exchanges of their currencies."""
    on_exchange = [one for one in assets if one.calendar not in NO_EXCHANGE]
    return [one.calendar for one in on_exchange if one.calendar] or [one.sessions for one in on_exchange]


def _on_trading(assets: Mapping[str, Instrument]) -> tuple[str, ...]:
    """Sentences on assets whose exchange is not known, and on several exchanges."""
    said, others = [], dict.fromkeys(_exchanges(assets.values()))
    if unplaced := [asset for asset, one in assets.items() if not one.calendar]:
        said.append(f"{', '.join(unplaced)}: taken to trade on the sessions of `calendar`, which may be changed.")
    if len(others) > 1:
        rows = "Rows are the sessions of the first, and other assets stand at their last close before its own"
        said.append(f"Exchanges: {', '.join(others)}. {rows}.")
    return tuple(said)


def _names(of_symbol: Mapping[str, Instrument]) -> tuple[str, ...]:
    """A sentence that names the instrument for which each symbol was taken; none for symbols that are not known."""
    named = [f"{symbol} is {one.name}" for symbol, one in of_symbol.items() if one.name]
    return (f"Taken from the table of instruments: {'; '.join(named)}.",) if named else ()


# -- holdings and targets --------------------------------------------------------------------------------------------


def _held(
    path: Path, file: Path, of_symbol: Mapping[str, Instrument], basis: str, declared: dict[str, str]
) -> tuple[str, Positions]:
    """The keys that state the holdings, and the positions.  declared : the rows that are cash or none, by symbol."""
    currencies = {one.asset_id: one.currency or basis for one in of_symbol.values()}
    symbols = held_symbols(path)
    renamed = {s: one.asset_id for s, one in of_symbol.items() if s in symbols and s != one.asset_id} | declared
    found = read_positions(path, list(currencies), basis, currencies=currencies, symbols=renamed)
    where = min(os.path.relpath(path, file.parent), os.path.abspath(path), key=len)
    keys = [f"file: {yaml_word(Path(where).as_posix())}"]
    if renamed:
        keys.append(f"symbols: {{{', '.join(f'{yaml_word(s)}: {yaml_word(asset)}' for s, asset in renamed.items())}}}")
    if lacking := [asset for asset in currencies if asset not in found.units]:
        keys.append(f"not_held: [{', '.join(map(yaml_word, lacking))}]")
    cash = "" if found.balances else "\ncash: 0    # the export has no row of cash"
    if not found.balances:
        told = f"{found.file} has no row of cash, and 0 is written: state what there is as `cash:`."
        found = replace(found, notes=(*found.notes, told))
    return f"positions: {{{', '.join(keys)}}}    # units and cash are those of the broker's export{cash}", found


def _present_weights(found: Positions, assets: Mapping[str, Instrument], basis: str) -> dict[str, Decimal]:
    """The present weights by asset, to a hundredth of a percent; with cash they are 1.

    Raises : ConfigError where a value in the basis is not known, and where nothing is held.
    """
    cash = found.balances or {}
    lacking = [asset for asset in found.units if asset not in found.values or assets[asset].currency not in ("", basis)]
    if lacking := [*lacking, *(f"cash in {currency}" for currency in cash if cash[currency] and currency != basis)]:
        what = f"{found.file} does not say the value of {', '.join(lacking)} in {basis}"
        raise ConfigError(f"{what}, so that present weights are not known. Give the targets, such as SPY=60 AGG=40.")
    nav = sum(found.values.values()) + cash.get(basis, 0.0)
    if nav <= 0.0 or min(cash.get(basis, 0.0), *found.values.values(), 0.0) < 0.0:
        raise ConfigError(f"{found.file} has no value above zero, or negative cash. Give the targets, such as SPY=60.")
    weights = {asset: Decimal(value / nav).quantize(RANGE_STEP) for asset, value in found.values.items()}
    spare = sum(weights.values()) - ONE  # by rounding: what is above 1, and without cash what is below
    if spare > 0 or not cash.get(basis):
        weights[max(weights, key=lambda asset: weights[asset])] -= spare
    return weights


def _targets(weights: Mapping[str, Decimal], settings: Settings) -> tuple[dict[str, Decimal], Decimal, tuple[str, ...]]:
    """Targets by asset, that of cash, and a sentence on it. Together they are 1."""
    total = sum(weights.values(), Decimal(0))
    if total == 0:
        raise ConfigError("all weights are zero: give one of them a weight, such as SPY=60.")
    targets, told = dict(weights), ""
    if settings.target_cash is not None and total != ONE - (aim := Decimal(str(settings.target_cash))):
        targets = {asset: (w / total * (ONE - aim)).quantize(WEIGHT_STEP, ROUND_FLOOR) for asset, w in weights.items()}
        told = f"The weights are scaled by {(ONE - aim) / total:.6g}, so that cash has its target of {_percent(aim)}."
    rest = (ONE - sum(targets.values(), Decimal(0))).quantize(WEIGHT_STEP)
    if rest and not told:
        told = f"The weights add up to {_percent(total)}: cash has the rest, {_percent(rest)}, as its target."
    return targets, rest, (told,) if told else ()


# -- the text --------------------------------------------------------------------------------------------------------


def _head(draft: _Draft) -> str:
    asked, basis = draft.asked, draft.settings.basis
    origin = f"store: {yaml_word(asked.store)}" if asked.store else f"source: {yaml_word(asked.source)}"
    exchanges = _exchanges(draft.assets.values())
    cash = f"cash: {draft.cash}, " if draft.cash else ""
    known_cash = [] if cash else ["# Cash earns nothing: add its yearly rate to `market`, such as `cash: 0.02`."]
    if "after_bill" in cash:
        known_cash = ["# Assumed: after the last known rate of the US bill cash goes on earning it. State your own."]
    flows = [f"flows: {{every: month, amount: {draft.terms['saving']:g}}}"] if draft.terms.get("saving") else []
    rate = draft.terms.get("tax")
    tax = [] if rate is None else [f"tax: {{rate: {rate:g}}}    # of gains; docs/taxes.md has terms, lots and losses"]
    target_cash = [f"target_cash: {_plain(draft.target_cash)}"] if draft.target_cash else []
    return "\n".join([
        "# Made by `rebalance new`. Every number may be changed; docs/portfolios.md explains each key.",
        *(line for note in draft.notes for line in wrap(note, 118, initial_indent="# ", subsequent_indent="#   ")),
        "",
        f"name: {yaml_word(asked.file.stem)}",
        *known_cash,
        f"market: {{{origin}, {cash}calendar: {exchanges[0] if exchanges else '24/7'}}}",
        f"basis: {basis}",
        draft.holdings,
        *target_cash,
        *flows,
        *tax,
        "# last_trade: 2026-01-02    # the day of your last trade: calendars count from it",
    ])  # fmt: skip


def _lines(draft: _Draft) -> str:
    """The lines, one below the other in columns."""
    known, rows = known_instruments(), []
    for asset, one in draft.assets.items():
        target = draft.targets[asset]
        lower, upper = range_of(target, draft.settings.width)
        symbol = asset if draft.asked.store else known.symbol_at(one, draft.asked.source)
        stated = {
            "symbol": "" if symbol == asset else yaml_word(symbol),
            "shares": "" if draft.asked.positions else "0",
            "fractional": "true" if one.lot < 1.0 else "",
            "minimum_purchase": f"{one.minimum_purchase:g}" if one.minimum_purchase else "",
            "cut_off": yaml_word(one.cut_off) if one.cut_off else "",
            "currency": "" if one.currency in ("", draft.settings.basis) or asset in draft.unstated else one.currency,
            "calendar": "" if one.calendar == known.taken(symbol).calendar else one.calendar,
        } | (dict.fromkeys(_spared(draft, one.asset_class), "0") if one.kind == "fund" else {})
        more = "".join(f", {key}: {value}" for key, value in stated.items() if value)
        end = f"target: {_plain(target)}, range: [{_plain(lower)}, {_plain(upper)}]{more}}}"
        rows.append((f"{yaml_word(asset)}:", f"{{asset_class: {yaml_word(one.asset_class)},", end))
    widths = [max(len(row[k]) for row in rows) for k in (0, 1)]
    return "\n".join(["lines:", *(f"  {a:<{widths[0]}} {b:<{widths[1]}} {c}" for a, b, c in rows)])


def _costs(draft: _Draft) -> str:
    costs = draft.costs.by_class
    width = max(len(yaml_word(name)) for name in costs) + 1
    rows = {name: ", ".join(f"{key}: {value:g}" for key, value in of.items()) for name, of in costs.items()}
    return "\n".join([
        f"# {draft.costs.told}",
        "costs:",
        *(f"  {f'{yaml_word(name)}:':<{width}} {{{stated}}}" for name, stated in rows.items()),
    ])  # fmt: skip


def _spared(draft: _Draft, asset_class: str) -> tuple[str, ...]:
    """The costs of its class that a mutual fund does not pay: it is dealt at its NAV, and its fee is not assumed."""
    is_assumed = not {*FEE_MARKS}.isdisjoint(draft.costs.assumed)
    fee = ("ticket",) if is_assumed and "ticket" in draft.costs.by_class[asset_class] else ()
    return ("commission_bps", "half_spread_bps", *fee)


def _judging(draft: _Draft) -> str:
    """Limits, the terms of orders, and by what policies are compared."""
    s = draft.settings
    order = f"order_type: {s.order_type}" if s.order_type else ""
    order += "" if s.collar_bps is None else f", collar_bps: {s.collar_bps:g}"
    ticket = ", ".join(filter(None, (order, f"slicing: {{kind: twap, slices: {s.slices}}}" if s.slices else "")))
    return "\n".join([
        "limits:",
        f"  minimum_trade: {s.minimum_trade:g}    # currency: no smaller order is sent",
        f"  tracking_error: {s.tracking_error:g}    # a year, to the targets",
        f"  max_drawdown: {s.max_drawdown:g}    # futures of a year count how often it is reached",
        *([f"ticket: {{{ticket}}}"] if ticket else []),
        *([f"cycle: {{correlation: {s.correlation:g}}}"] if s.correlation is not None else []),
        f"tracking_penalty: {s.penalty:g}    # twice the bp a year that avoiding a tracking error of 1 % is worth",
        f"materiality_bps: {MATERIALITY:g}    # the margin: what is worth a change to you, bp of the portfolio a year",
        *([f"day_cost: {draft.terms['day_cost']:g}"] if "day_cost" in draft.terms else []),
        f"assumed: [{', '.join(draft.assumed)}]    # nobody stated these: take out what you have made your own",
        "# test_start: 2015-01-02    # the first day of the test; by default a third of the data come before it",
    ])  # fmt: skip


def _policies(draft: _Draft) -> str:
    """The policies that are compared, and the one in force."""
    s = draft.settings
    calendar, asked = s.schedule or "quarter", f", schedule: {s.schedule}" if s.schedule else ""
    schedules = [*dict.fromkeys(("month", "quarter", calendar))]
    half = f"kind: relative, band: 0.25, cap: {s.width / 2:g}"  # half of the ranges
    band = half if s.band is None else f"band: {s.band:g}"
    policies = {
        "never": "rule: never",
        **{CALENDARS[schedule]: f"rule: calendar, schedule: {schedule}" for schedule in schedules},
        "threshold": f"rule: threshold, {band}, to: target{asked}",
        "threshold_edge": f"rule: threshold, {band}, to: edge{asked}",
        "tuned": "rule: tuned",
        "closed_form": "rule: no_trade_region",
    }
    allocation = f"kind: {s.allocation or 'strategic'}{s.terms}"
    if s.allocation:
        key, window = estimation_key(s.allocation), "" if s.window is None else f", window: {s.window}"
        estimated = {"window": window, "forecast": window and f", forecast: {{kind: estimated{window}}}"}.get(key, "")
        allocation += ("" if "forecast:" in s.terms else estimated) + asked
        if draft.target_cash:
            allocation = f"kind: exposure, exposure: {_plain(ONE - draft.target_cash)}, of: {{{allocation}}}"
        policies[s.policy] = f"rule: calendar, schedule: {calendar}, allocation: {{{allocation}}}"
    if s.volatility is not None:
        lookback = "" if s.window is None else f", lookback: {s.window}"
        scaled = f"{{kind: volatility_target, volatility: {s.volatility:g}{lookback}}}"
        policies["volatility_target"] = f"rule: calendar, schedule: {calendar}, allocation: {scaled}"
    width = max(map(len, policies)) + 1
    reference = CALENDARS[calendar]
    return "\n".join([
        "# The candidates. The one that is expected to cost least is recommended, where it gains enough.",
        "policies:",
        *(f"  {f'{name}:':<{width}} {{{rule}}}" for name, rule in policies.items()),
        *(_of_news(calendar, allocation) if s.has_news else []),
        f"policy: {s.policy or reference}",
        f"reference: {reference}    # the base of the tables of differences",
    ])  # fmt: skip


def _of_news(schedule: str, allocation: str) -> list[str]:
    """The policy that news tilts, which nothing can read before there are scores."""
    return [
        "  # Once `rebalance data news` has written scores.csv, this tilts the allocation in force by news:",
        f"  # {LLM_ASSISTED}: {{rule: calendar, schedule: {schedule},",
        f"  #   allocation: {{kind: news, scores: scores.csv, of: {{{allocation}}}}}}}",
    ]


def _percent(fraction: Decimal) -> str:
    return f"{_plain(HUNDRED * fraction)} %"


def _plain(number: Decimal) -> str:
    """A number without an exponent and without zeros at its end."""
    return f"{number:f}".rstrip("0").rstrip(".") if "." in f"{number:f}" else f"{number:f}"
