"""Market data: the assets of the shipped markets and of the stores of prices, their rows, and known instruments."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated

import numpy as np
import pandas as pd
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from desk.commands.portfolio_file.new import NOBODY_HOLDS
from desk.service.caller import Caller, InService, needs
from desk.service.problems import FieldMistake, Problem, refused
from desk.service.stores import stores_of
from foundation.arguments import did_you_mean
from foundation.paper.formats import plain_json
from research.market import load_market
from research.market.reading.embedded import EMBEDDED
from research.market.reading.known_instruments import Instrument, known_instruments
from research.market.store import PriceStore

router = APIRouter(prefix="/api/market", tags=["market"])
Reads = Annotated[Caller, Depends(needs("viewer", "market"))]
Named = Annotated[str | None, Query(max_length=80, description="A shipped market, or a store of prices.")]
Search = Annotated[str, Query(min_length=1, max_length=80, description="Of a symbol, an ISIN or a name.")]
MOST_FOUND = 10  # instruments of an answer
Limit = Annotated[int, Query(ge=1, le=5_000)]
Offset = Annotated[int, Query(ge=0, le=2**31 - 1)]
Stores = Mapping[str, PriceStore]


class Asset(BaseModel):
    """An asset of a market. A store knows no class and no sector, and a currency of each row alone."""

    symbol: str
    market: str
    asset_class: str = ""
    sector: str = ""
    currency: str = ""


class FoundInstrument(BaseModel):
    """An instrument of the table. What the table does not know is "".  exchange : calendar of its sessions."""

    symbol: str
    name: str
    isin: str
    asset_class: str
    currency: str
    exchange: str


class Row(BaseModel):
    """A session. What a market or a store does not know is null.

    close        : quoted close, currency per unit.
    total_return : simple, since the close before, fraction; null until the day after the first close.
    is_tradable  : false where the asset is not listed, or halted.
    volume       : units.
    """

    date: date
    close: float | None = None
    total_return: float | None = None
    is_tradable: bool | None = None
    volume: float | None = None


class Rows(BaseModel):
    """Rows of an asset, from the earliest on.  next_offset : of the next ones, null after the last."""

    symbol: str
    market: str
    count: int
    next_offset: int | None
    rows: list[Row]


@router.get("/assets", responses={404: {"description": "There is no such market."}})
def list_assets(
    caller: Reads, service: InService, market: Named = None, limit: Limit = 500, offset: Offset = 0
) -> list[Asset]:
    """List the assets of a market, or of all of them."""
    stores = stores_of(service.root(caller.tenant))
    found = [asset for name in _markets(market, stores) for asset in _assets(name, stores)]
    return found[offset : offset + limit]


@router.get("/instruments")
def list_instruments(_: Reads, search: Search) -> list[FoundInstrument]:
    """Find instruments that can be held, the best first: by symbol, ISIN, or words of a name; at most 10."""
    known, words = known_instruments(), search.casefold().split()
    exact = known.find(search)

    def rank(one: Instrument) -> int | None:
        name, symbol = f"{one.name} {one.isin} {one.asset_id}".casefold(), one.asset_id.casefold()
        if one is exact:
            return 0
        if symbol.startswith(search.strip().casefold()):
            return 1
        return 2 if words and all(word in name for word in words) else None

    held = (one for one in known.by_id.values() if one.kind not in NOBODY_HOLDS and not one.delisted)
    ranked = sorted((found, len(one.asset_id), one.asset_id) for one in held if (found := rank(one)) is not None)
    return [_found(known.by_id[asset]) for *_, asset in ranked[:MOST_FOUND]]


def _found(one: Instrument) -> FoundInstrument:
    fields = {"asset_class": one.asset_class, "currency": one.currency, "exchange": one.calendar}
    return FoundInstrument(symbol=one.asset_id, name=one.name, isin=one.isin, **fields)


@router.get("/data/{symbol}")
def market_data(
    caller: Reads,
    service: InService,
    symbol: str,
    market: Named = None,
    first: Annotated[date, Query(alias="from")] = date.min,
    last: Annotated[date, Query(alias="to")] = date.max,
    limit: Limit = 500,
    offset: Offset = 0,
) -> Rows:
    """Give the rows of an asset between two days, both counted, of the first market that has it."""
    if first > last:
        raise refused([FieldMistake("/query/from", "after `to`", f"{first}", f"Give {last} or an earlier day.")])
    stores = stores_of(service.root(caller.tenant))
    known = [asset for name in _markets(market, stores) for asset in _assets(name, stores)]
    found = next((asset for asset in known if asset.symbol == symbol), None)
    if found is None:
        raise Problem(404, f"No asset {symbol!r}. {did_you_mean(symbol, dict.fromkeys(each.symbol for each in known))}")
    table = _table(found, stores)
    table = table[(table["date"] >= first) & (table["date"] <= last)]
    shown, end = table.iloc[offset : offset + limit], offset + limit
    rows = plain_json(shown.to_dict("records"), missing_as_null=True)
    following = end if end < len(table) else None
    return Rows(symbol=symbol, market=found.market, count=len(table), next_offset=following, rows=rows)


def _markets(named: str | None, stores: Stores) -> list[str]:
    """The markets to look in. Raises Problem 404 for one that is not there."""
    known = [*EMBEDDED, *stores]
    if named is not None and named not in known:
        raise Problem(404, f"No market {named!r}. {did_you_mean(named, known)}")
    return known if named is None else [named]


def _assets(name: str, stores: Stores) -> list[Asset]:
    if name not in EMBEDDED:
        return [Asset(symbol=symbol, market=name) for symbol in stores[name].assets()]
    facts = load_market(name).instruments[["asset_class", "sector", "currency"]]
    return [Asset(symbol=str(symbol), market=name, **row) for symbol, row in facts.T.to_dict().items()]


def _table(asset: Asset, stores: Stores) -> pd.DataFrame:
    """The rows of an asset, with the fields of `Row`."""
    if asset.market not in EMBEDDED:
        rows = stores[asset.market].rows([asset.symbol])
        return rows[["close", "volume"]].assign(date=rows["session"].dt.date)
    market = load_market(asset.market)
    k, row = market.assets.index(asset.symbol), np.arange(len(market.dates))[:, None]
    listed = np.flatnonzero(market.tradable[:, k])
    has_return = (row > listed[0]) & (row <= listed[-1])  # its first close has none before it
    columns = {"close": market.prices, "total_return": np.where(has_return, market.returns, np.nan)}
    columns |= {"is_tradable": market.tradable}
    columns |= {} if market.volumes is None else {"volume": market.volumes}
    return pd.DataFrame({"date": market.dates.date} | {name: values[:, k] for name, values in columns.items()})
