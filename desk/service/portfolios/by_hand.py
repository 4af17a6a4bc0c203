"""A portfolio that somebody typed row by row, as the arguments of `rebalance new`: no second writer of files."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from decimal import Decimal
from io import StringIO
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, StringConstraints

from desk.commands.portfolio_file.broker_terms import BROKER_TERMS, CLASS_COSTS
from desk.service.bodies import PRINTED, Body
from desk.service.portfolios.validation import POSITIONS, look_at_positions
from desk.service.problems import FieldMistake
from foundation.arguments import LARGEST_NUMBER
from research.market.reading.known_instruments import SOURCES, Instrument, known_instruments
from research.market.store import named_store, store_names
from research.portfolio.file.strict_yaml import read_yaml

MOST_ROWS = 500  # of a table that is typed
PER_CENT_ROUNDING = 1e-9  # per cent, of a sum
NO_CASH_NOTE = f"{POSITIONS} has no row of cash"  # as notes on an export begin
NO_PRICES = "without prices"  # with which the mistake of a row begins whose prices are to be fetched
TYPED_COLUMNS = "Symbol", "Quantity", "Market Value", "Currency"  # of the positions that rows make
Code = Annotated[str, StringConstraints(pattern="^([A-Z]{3})?$")]
Printed = Annotated[str, StringConstraints(max_length=80, pattern=PRINTED)]


class TypedRow(Body):
    """An asset.

    held     : number of `unit`, null for none.
    unit     : units; money in the currency of the asset; percent of `worth`.
    target   : percent, null for none.
    asset_class, currency, exchange : "" for those of the table of instruments.
    """

    symbol: str = Field(min_length=1, max_length=80, pattern=PRINTED)
    held: float | None = Field(None, ge=0.0, le=LARGEST_NUMBER)
    unit: Literal["units", "money", "percent"] = "units"
    target: float | None = Field(None, ge=0.0, le=100.0)
    asset_class: Literal["", *CLASS_COSTS] = ""  # type: ignore[valid-type]
    currency: Code = ""
    exchange: str = Field("", max_length=8, pattern="^[A-Z0-9/]*$")


class TypedCash(Body):
    """Cash of a currency."""

    currency: str = Field(pattern="^[A-Z]{3}$")
    amount: float = Field(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)


class TypedPortfolio(Body):
    """A new portfolio as it is typed.

    worth    : of which the percents held are, currency of the portfolio.
    currency : of the portfolio, "" for that of all assets.
    prices   : a source, or a store of imported prices.
    terms    : what the broker takes, by its name (`rebalance new --broker`); what is left out is assumed.
    """

    name: str = Field(min_length=1, max_length=80, pattern=PRINTED)
    client: str = Field("", max_length=128, pattern=PRINTED)
    profile: str = Field("", max_length=40, description="conservative, moderate (assumed) or aggressive.")
    rows: tuple[TypedRow, ...] = Field(min_length=1, max_length=MOST_ROWS)
    cash: tuple[TypedCash, ...] = Field((), max_length=40)
    worth: float | None = Field(None, gt=0.0, le=LARGEST_NUMBER)
    currency: Code = ""
    prices: Printed = "yahoo"
    terms: dict[Literal[*BROKER_TERMS], float] = Field(default_factory=dict)  # type: ignore[valid-type]


class _Line(NamedTuple):
    """A row with its instrument and its newest price, None where the store has none."""

    row: TypedRow
    one: Instrument | None
    price: float | None
    currency: str


def from_table(folder: str, name: str, typed: TypedPortfolio, _: Mapping[str, Any]) -> dict[str, Any]:
    """The portfolio as `look_at_positions` gives it, its `positions`, and the keys that are `assumed`; or `mistakes`.

    folder : folder in which its file and its positions are to stand.
    """
    lines = _priced(typed)
    basis = typed.currency or _common(line.currency for line in lines)
    rates = _rates(typed, {*(line.currency for line in lines), *(cash.currency for cash in typed.cash)}, basis)
    rows = [*_mistakes(typed, lines, rates), *_lacking(typed, lines, rates, basis)]
    if mistakes := [*rows, *_sums(typed), *_of_terms(typed)]:
        return {"mistakes": [asdict(each) for each in mistakes]}
    positions = _positions(typed, lines, rates)
    made = look_at_positions(folder, name, positions, _asked(typed, lines))
    if not typed.cash:  # there is no export to speak of
        kept = [each for each in made["notes"] if not each.startswith(NO_CASH_NOTE)]
        made["notes"] = ["No cash was typed: it is 0.", *kept]
    return {**made, "positions": positions, "assumed": read_yaml(f"{name}.yaml")[0]["assumed"]}


def _priced(typed: TypedPortfolio) -> list[_Line]:
    known, ids = known_instruments(), _kept(typed)
    found = []
    for row in typed.rows:
        one = known.find(row.symbol)
        kept = ids.get(row.symbol.casefold()) or (ids.get(one.asset_id.casefold()) if one else None)
        price, stated = None, ""
        if kept:
            bars = named_store(typed.prices).read([kept], ("close",))
            price, stated = float(bars.numbers["close"][-1]), bars.currency[0]
        found.append(_Line(row, one, price, row.currency or stated or (one.currency if one else "")))
    return found


def _kept(typed: TypedPortfolio) -> dict[str, str]:
    """The assets of the store of the prices, each by its id in small letters; {} where there is no such store."""
    return {a.casefold(): a for a in named_store(typed.prices).assets()} if typed.prices in store_names() else {}


def _common(currencies: Iterator[str]) -> str:
    found = {each for each in currencies if each}
    return found.pop() if len(found) == 1 else "USD"


def _mistakes(typed: TypedPortfolio, lines: list[_Line], rates: Mapping[str, float]) -> Iterator[FieldMistake]:
    """All that is wrong in the rows, each with its field."""
    first: dict[str, int] = {}
    for k, (row, one, price, currency) in enumerate(lines):
        at = f"/rows/{k}"
        asset = one.asset_id if one else row.symbol.upper()
        if first.setdefault(asset, k) != k:
            fix = "Remove one of the two, and give their sum."
            yield FieldMistake(f"{at}/symbol", f"the same as row {first[asset] + 1}", row.symbol, fix)
        if not row.asset_class and not (one and one.asset_class):
            near = known_instruments().nearest(row.symbol)
            fix = f"{near}Choose its class, and its currency."
            yield FieldMistake(f"{at}/asset_class", "not known of this asset", None, fix)
        if price is None:
            fix = "Get its prices first; what you typed stays here."
            yield FieldMistake(f"{at}/symbol", f"{NO_PRICES} in {typed.prices}", row.symbol, fix)
        if row.unit == "percent" and row.held and currency not in rates:
            fix = f"Its price is in {currency}: type units, or an amount in {currency}."
            yield FieldMistake(f"{at}/held", "a per cent of a value in another currency", row.held, fix)
    if not typed.cash and not any(line.row.held for line in lines):
        yield FieldMistake("/rows/0/held", "empty, and so are all rows", None, "Type what you hold, or a row of cash.")


def _rates(typed: TypedPortfolio, currencies: Iterable[str], basis: str) -> dict[str, float]:
    """The value in the basis of a unit of each currency, of those whose rate the store has."""
    kept, found = _kept(typed), {basis: 1.0}
    for currency in currencies:
        rate = known_instruments().rate(currency, basis)
        if rate and (asset := kept.get(rate.asset_id.casefold())):
            last = float(named_store(typed.prices).read([asset], ("close",)).numbers["close"][-1])
            found[currency] = last if rate.asset_id.startswith(currency) else 1.0 / last
    return found


def _lacking(
    typed: TypedPortfolio, lines: list[_Line], rates: Mapping[str, float], basis: str
) -> Iterator[FieldMistake]:
    """The rates of exchange that a source has and that were not fetched, each at the first row that needs it."""
    places = [(line.currency, f"/rows/{k}/symbol") for k, line in enumerate(lines)]
    places += [(cash.currency, f"/cash/{k}/currency") for k, cash in enumerate(typed.cash)]
    for currency, place in dict(reversed(places)).items():
        rate = known_instruments().rate(currency, basis)
        if rate and currency not in rates and typed.prices in SOURCES:
            fix = f"Get the prices of {rate.asset_id} first, the rate of exchange; what you typed stays here."
            yield FieldMistake(place, f"{NO_PRICES} of its currency in {typed.prices}", rate.asset_id, fix)


def _sums(typed: TypedPortfolio) -> Iterator[FieldMistake]:
    """The mistakes in the per cents of all rows together, each at its last row."""
    held = {k: row.held for k, row in enumerate(typed.rows) if row.unit == "percent" and row.held}
    targets = {k: row.target for k, row in enumerate(typed.rows) if row.target}
    if held and typed.worth is None:
        yield FieldMistake("/worth", "missing", None, "Say of what amount the per cents held are.")
    if (more := sum(held.values()) - 100.0) > PER_CENT_ROUNDING:
        what, fix = "the per cents held are more than 100 in all", f"Lower them by {more:g} in all."
        yield FieldMistake(f"/rows/{max(held)}/held", what, held[max(held)], fix)
    if any(each < 1.0 for each in targets.values()) and sum(targets.values()) <= 1.0 + PER_CENT_ROUNDING:
        what, fix = "all targets together are 1 per cent at most", "Write 60 for 60 per cent, not 0.6."
        yield FieldMistake(f"/rows/{max(targets)}/target", what, targets[max(targets)], fix)


def _of_terms(typed: TypedPortfolio) -> Iterator[FieldMistake]:
    for name, value in typed.terms.items():
        what, (low, high) = BROKER_TERMS[name]
        if not low <= value < high:
            fix = f"Give a number from {low:g} to below {high:g}: {what}."
            yield FieldMistake(f"/terms/{name}", "out of its bounds", value, fix)


def _units(line: _Line, worth: float | None, rates: Mapping[str, float]) -> float:
    """The units that are held.  worth : of which the percents are."""
    held = line.row.held or 0.0
    if line.row.unit == "units":
        return held
    money = held if line.row.unit == "money" else held / 100.0 * (worth or 0.0) / rates[line.currency]
    return round(money / (line.price or 1.0), 6)


def _is_cash_alone(typed: TypedPortfolio) -> bool:
    """True where nothing is held but cash of one currency, which `rebalance new --nav` takes."""
    return len(typed.cash) == 1 and not any(row.held for row in typed.rows)


def _positions(typed: TypedPortfolio, lines: list[_Line], rates: Mapping[str, float]) -> str:
    """The rows as a broker's file, CSV; "" where nothing is held but cash of one currency."""
    if _is_cash_alone(typed):
        return ""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(TYPED_COLUMNS)
    for line in lines:
        if units := _units(line, typed.worth, rates):
            value = f"{units * (line.price or 0.0):.2f}"
            writer.writerow((line.row.symbol, _plain(units), value, line.currency))
    for cash in typed.cash:
        writer.writerow((cash.currency, _plain(cash.amount), _plain(cash.amount), cash.currency))
    return text.getvalue()


def _asked(typed: TypedPortfolio, lines: list[_Line]) -> dict[str, Any]:
    """The fields of `NewFile` besides its name and its positions."""
    has_targets = any(row.target is not None for row in typed.rows)
    asked: dict[str, Any] = {
        "profile": typed.profile,
        "weights": [f"{row.symbol}={_plain(row.target or 0.0)}" + "%" for row in typed.rows if has_targets],
        "classes": {line.row.symbol: words for line in lines if (words := _class_words_of(line))},
        "currency": typed.currency,
        "broker": ",".join(f"{name}={_plain(typed.terms[name])}" for name in BROKER_TERMS if name in typed.terms),
        "source" if typed.prices in SOURCES else "store": typed.prices,
    }
    if _is_cash_alone(typed):
        (cash,) = typed.cash
        asked |= {"nav": cash.amount, "currency": typed.currency or cash.currency}
    return asked


def _class_words_of(line: _Line) -> str:
    """The words of `--symbol` of an asset that the table of instruments does not have so, "" of another."""
    row, one = line.row, line.one or Instrument(line.row.symbol)
    stated = row.asset_class or one.asset_class, row.currency or one.currency, row.exchange or one.calendar
    if stated == (one.asset_class, one.currency, one.calendar):
        return ""
    return ",".join(stated).rstrip(",")


def _plain(number: float) -> str:
    """A number as it was typed, without an exponent."""
    return f"{Decimal(repr(float(number))).normalize():f}"
