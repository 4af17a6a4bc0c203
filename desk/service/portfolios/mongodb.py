"""Holdings and NAV from a MongoDB collection, a document a day, as the key `mongodb` of a portfolio states.

`research` opens no socket: the key is replaced by the holdings themselves before a portfolio is read.
"""

import csv
import io
import os
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import StringConstraints, TypeAdapter, ValidationError

from desk.service.bodies import Body
from desk.service.problems import FieldMistake, mistakes_of, refused
from foundation.arguments import did_you_mean, is_number, shown
from foundation.errors import DataError, MachineError, all_mistakes
from foundation.files import write_whole

NAV_FILE = "mongodb_nav.csv"
SERVER_WAIT = 5_000  # milliseconds for a server
MOST = 20_000  # documents: 79 years of sessions
Name = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[^$\x00]+$")]
CORRECT_DOCUMENT = "Correct the document, or the name in `fields`."


class Fields(Body):
    """The names of fields of a document; a dot leads into a document within it.

    date      : its day, a date or YYYY-MM-DD.
    holdings  : units by asset.
    cash      : currency, or currency by its code.
    nav, flow : NAV, and money that came or went, currency.
    portfolio : name of the portfolio, where the collection has several.
    """

    date: Name
    holdings: Name
    cash: Name | None = None
    nav: Name | None = None
    flow: Name | None = None
    portfolio: Name | None = None


class MongoKeys(Body):
    """The keys below `mongodb`.  uri_env : name of the environment variable that holds the address of the server."""

    uri_env: Name
    database: Name
    collection: Name
    fields: Fields


def read_mongodb(tree: Mapping[str, Any], tenant: str, folder: Path) -> dict[str, Any]:
    """The mapping of a portfolio with the holdings of the newest document in place of `mongodb`.

    tree   : mapping of the portfolio.
    tenant : its tenant, who may use one variable alone, `MONGODB_<TENANT>`.
    folder : folder of the portfolio's file, into which the history of NAV is written.
    Raises : Problem 400 for keys that are wrong; MachineError for a variable that is not set, and where the server does
             not answer; DataError where its documents are not as stated, with all that is wrong in the newest one.
    """
    keys = _keys(tree, tenant)
    found = _documents(keys, str(tree.get("name")))
    where = f"{keys.database}.{keys.collection}, {found[-1]['date']}"
    filled = deepcopy({key: value for key, value in tree.items() if key != "mongodb"})
    if mistakes := [*_fill(filled, found[-1], keys.fields)]:
        raise DataError(all_mistakes(where, [f"{where}: {each}" for each in mistakes]))
    if keys.fields.nav is not None:
        rows = [(each["date"], each["nav"], each.get("flow")) for each in found]
        for day, nav, flow in rows:
            if not (is_number(nav) and (flow is None or is_number(flow))):
                raise DataError(
                    f"{keys.collection}, {day}: no NAV or flow: found {shown(nav)}, {shown(flow)}. {CORRECT_DOCUMENT}"
                )
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([("date", "nav", "flow"), *rows])
        write_whole(folder / NAV_FILE, text.getvalue())
        filled["nav_history"] = NAV_FILE
    return filled


def _keys(tree: Mapping[str, Any], tenant: str) -> MongoKeys:
    adapter = TypeAdapter(MongoKeys)
    try:
        keys = adapter.validate_python(tree["mongodb"])
    except ValidationError as error:
        found = mistakes_of(error.errors(), tree["mongodb"], adapter)
        raise refused([replace(each, field=f"/mongodb{each.field}") for each in found]) from None
    own = "MONGODB_" + re.sub(r"\W", "_", tenant).upper()
    if keys.uri_env != own:  # others may be secrets of the server, or databases of other tenants
        fix = f"Write {own}: the administrator sets this variable of the server."
        raise refused([FieldMistake("/mongodb/uri_env", "not the variable of this tenant", keys.uri_env, fix)])
    return keys


def _documents(keys: MongoKeys, portfolio: str) -> list[dict[str, Any]]:
    """The values of the newest documents of a portfolio, by the keys of `Fields`, by day."""
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    uri, names = os.environ.get(keys.uri_env, ""), keys.fields.model_dump(exclude_none=True)
    if not uri:
        told = f"{keys.uri_env} is ''. Set this variable of the server to mongodb://user:password@host."
        raise MachineError(told, f"The variable {keys.uri_env} of the server is not set. Ask the administrator for it.")
    wanted = {names["portfolio"]: portfolio} if "portfolio" in names else {}
    try:
        with MongoClient[dict[str, Any]](
            uri, serverSelectionTimeoutMS=SERVER_WAIT, socketTimeoutMS=SERVER_WAIT
        ) as client:
            rows = client[keys.database][keys.collection].find(wanted, dict.fromkeys(names.values(), 1), limit=MOST)
            newest_first = list(rows.sort(names["date"], -1))
    except PyMongoError as error:  # its message may name hosts of the server
        told = f"MongoDB at {keys.uri_env} gave no documents ({type(error).__name__})."
        raise MachineError(told, f"{told} Ask the administrator for it.") from None
    if not newest_first:
        raise DataError(
            f"{keys.database}.{keys.collection} has no document of {shown(portfolio)}. Write one, or correct the keys."
        )
    found = [{key: _at(each, name) for key, name in names.items()} for each in reversed(newest_first)]
    return [each | {"date": _day(each["date"], names["date"])} for each in found]


def _fill(tree: dict[str, Any], newest: Mapping[str, Any], names: Fields) -> Iterator[str]:
    """Write holdings and cash into a mapping, and give what is wrong in them."""
    lines, holdings = tree.get("lines"), newest["holdings"]
    if not (isinstance(lines, dict) and all(isinstance(line, dict) for line in lines.values())):
        return  # the reader says so
    if not isinstance(holdings, dict):
        yield f"`{names.holdings}` holds no units by asset: found {shown(holdings)}. {CORRECT_DOCUMENT}"
        return
    for asset in holdings.keys() - lines.keys():
        yield f"unknown asset {shown(asset)} in `{names.holdings}`. {did_you_mean(asset, lines)}"
    for asset, line in lines.items():
        if {"shares", "holdings"} & line.keys():
            yield f"{asset} states what is held in the portfolio, too. Leave it out there."
        elif not is_number(holdings.get(asset)):
            yield f"no units of {asset} in `{names.holdings}`: found {shown(holdings.get(asset))}. {CORRECT_DOCUMENT}"
        line["shares"] = holdings.get(asset)
    if names.cash is not None:
        tree["cash"] = newest["cash"]
        if not isinstance(tree["cash"], dict) and not is_number(tree["cash"]):
            yield f"no cash in `{names.cash}`: found {shown(tree['cash'])}. {CORRECT_DOCUMENT}"


def _at(found: Any, name: str) -> Any:
    """The value of a field with floats for decimals, None where there is none."""
    for key in name.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return {key: _plain(each) for key, each in found.items()} if isinstance(found, dict) else _plain(found)


def _plain(value: Any) -> Any:
    from bson.decimal128 import Decimal128

    return float(value.to_decimal()) if isinstance(value, Decimal128) else value


def _day(found: Any, name: str) -> str:
    day = f"{found:%Y-%m-%d}" if isinstance(found, datetime) else str(found)
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", day):
        raise DataError(f"`{name}` of a document is no day: found {shown(found)}. {CORRECT_DOCUMENT}")
    return day
