"""Prices: the stores of a tenant, jobs that fetch what is missing from a source, and tables that are uploaded."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field, StringConstraints
from starlette.datastructures import UploadFile

from desk.feeds.adapters import ADAPTERS
from desk.service.bodies import PRINTED, Body, Id, JsonRoute
from desk.service.caller import Caller, InService, Service, needs
from desk.service.folders import JOBS
from desk.service.limited import limited
from desk.service.portfolios.stored import written_out
from desk.service.portfolios.validation import yaml_of
from desk.service.prices import (
    booked_job,
    check_symbols,
    file_of_symbols,
    imported_table,
    is_ready,
    planned_requests,
    requests_left,
)
from desk.service.problems import FieldMistake, Problem, refused
from desk.service.routes.jobs import ASKED_ANSWERS, JobRecord, check_open, check_space, job_records
from desk.service.stores import own_stores, stores_of
from foundation.arguments import did_you_mean
from foundation.canonical import content_hash
from foundation.files import work_folder, write_whole
from foundation.names import NAME_FIX, name_fault
from research.market.reading.grids import TABLES

router = APIRouter(prefix="/api/prices", tags=["prices"], route_class=JsonRoute)
Reader = Annotated[Caller, Depends(needs("viewer", "jobs"))]
Writer = Annotated[Caller, Depends(needs("manager", "jobs"))]
Symbol = Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)]
CSV, FORM = "text/csv", "multipart/form-data"
MOST_SYMBOLS, MOST_TABLE, MOST_STORES = 100, 8_000_000, 100  # of a job; bytes; of a tenant
TABLE_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            CSV: {"schema": {"type": "string", "description": "A table of prices."}},
            FORM: {"schema": {"type": "object", "properties": {"table": {"type": "string", "format": "binary"}}}},
        },
    }
}


class PricesBody(Body):
    """The prices that are wanted: those that a portfolio needs, or those of symbols of a source.

    portfolio : id, with neither source nor symbols.
    source    : name, such as yahoo.
    symbols   : as that source writes them.
    """

    portfolio: Id | None = None
    source: Annotated[str, StringConstraints(max_length=32, pattern=PRINTED)] | None = None
    symbols: Annotated[list[Symbol], Field(default_factory=list, max_length=MOST_SYMBOLS)]


class StoreRecord(BaseModel):
    """A store of prices.

    symbols     : number of its symbols.
    first, last : days between which its prices lie, null without prices.
    is_shared   : true where the operator has it, and shares it.
    """

    name: str
    symbols: int
    first: date | None
    last: date | None
    is_shared: bool


class SourceRecord(BaseModel):
    """A source of prices.

    title : its name for readers.
    ready : false where it needs a key that the server does not have.
    left  : requests that your tenant may still send today, UTC.
    """

    name: str
    title: str
    ready: bool
    left: int


class PricesRecord(BaseModel):
    """The stores that you read, and the sources that can be asked."""

    stores: list[StoreRecord]
    sources: list[SourceRecord]


class TableTaken(BaseModel):
    """An uploaded table.  store : its name.  understood : how it was read, and the number of rows that are new."""

    store: str
    understood: str


@router.get("")
def list_prices(caller: Reader, service: InService) -> PricesRecord:
    """List the stores of prices that you read, and the sources that can be asked."""
    root, left = service.root(caller.tenant), requests_left(service, caller.tenant)
    stores = []
    for name, store in stores_of(root).items():
        assets = store.assets()
        first, last = [date.fromisoformat(str(day)) for day in store.span(assets) or ()] or (None, None)
        is_shared = store.folder.parent != own_stores(root)
        stores.append(StoreRecord(name=name, symbols=len(assets), first=first, last=last, is_shared=is_shared))
    sources = [
        SourceRecord(name=name, title=each.title, ready=is_ready(name), left=left[name])
        for name, each in ADAPTERS.items()
    ]
    return PricesRecord(stores=stores, sources=sources)


@router.post("", status_code=202, responses={**ASKED_ANSWERS, 409: {"description": "The server has no key of it."}})
def ask_for_prices(body: PricesBody, caller: Writer, service: InService, response: Response) -> JobRecord:
    """Queue a job that fetches what a portfolio needs, or symbols of a source; a job of a tenant runs at a time."""
    check_open(service, caller)
    check_space(service)
    root = service.root(caller.tenant)
    file = _file_of(service, caller, body)
    plan: dict[str, Any] = limited(planned_requests, str(file), home=root)
    if plan["others"] or plan["wrong"]:
        fix = "Correct the `symbol:` in the file."
        wrong = [
            FieldMistake("/portfolio", f"its symbol is none of {source}", name, fix) for source, name in plan["wrong"]
        ]
        fix = f"Name one of {', '.join(ADAPTERS)}."
        raise refused(
            wrong + [FieldMistake("/portfolio", "its source is a tool", name, fix) for name in plan["others"]]
        )
    job = booked_job(service, caller, file, plan["requests"], body.portfolio)
    response.headers["Location"] = f"/api/jobs/{job.id}"
    with service.sessions() as session:
        return job_records(session, [job])[0]


def _file_of(service: Service, caller: Caller, body: PricesBody) -> Path:
    """The file whose prices are wanted. Raises Problem 400 for a wrong body, and as `written_out`."""
    if body.portfolio is not None:
        if body.source is not None or body.symbols:
            mend = "Leave either it or `source` and `symbols` out."
            raise refused([FieldMistake("/portfolio", "given with a source", body.portfolio, mend)])
        return written_out(service, caller, body.portfolio)
    if body.source is None or body.source not in ADAPTERS:
        mend = did_you_mean(body.source or "", [*ADAPTERS])
        raise refused([FieldMistake("/source", "no source", body.source, mend)])
    if not body.symbols:
        raise refused([FieldMistake("/symbols", "empty", None, "Give one symbol at least.")])
    check_symbols(body.source, body.symbols)
    tree = file_of_symbols(body.source, body.symbols)
    folder = service.root(caller.tenant) / JOBS
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return write_whole(folder / f"prices-{content_hash(tree)[:16]}.yaml", yaml_of(tree))


class SentTable(NamedTuple):
    """A table that was sent.  ending : of its name, which says how it is written."""

    ending: str
    content: bytes


async def sent_table(request: Request) -> SentTable:
    """The table of a request. Raises Problem 413 for a large one, and 415 for another type."""
    kind, ending = request.headers.get("content-type", "").partition(";")[0].strip().lower(), ".csv"
    if kind == FORM:
        table = (await request.form(max_files=1, max_fields=1)).get("table")
        if not isinstance(table, UploadFile):
            raise refused([FieldMistake("/table", "missing", None, "Add the file of the table.")])
        ending, content = Path(str(table.filename)).suffix.lower(), await table.read()
    elif kind == CSV:
        content = await request.body()
    else:
        raise Problem(415, f"Send {CSV}, or {FORM} with `table`.")
    if len(content) > MOST_TABLE:
        raise Problem(413, f"Send at most {MOST_TABLE:,} bytes.")
    if ending not in TABLES:
        mend = f"Give a file whose name ends with one of {', '.join(TABLES)}."
        raise refused([FieldMistake("/table", "no table", ending or None, mend)])
    return SentTable(ending, content)


@router.post("/table", status_code=201, openapi_extra=TABLE_BODY, responses={413: {}, 415: {}})
def upload_table(
    caller: Writer,
    service: InService,
    table: Annotated[SentTable, Depends(sent_table)],
    name: Annotated[str, Query(min_length=1, max_length=80, pattern=PRINTED, description="Of its store.")],
    adjustment: Annotated[Literal["raw", "split", "total"] | None, Query(description="Of its closes.")] = None,
    currency: Annotated[str | None, Query(pattern="^[A-Z]{3}$", description="Of its prices.")] = None,
    dates: Annotated[Literal["dmy", "mdy"] | None, Query(description="Order of day and month.")] = None,
    decimal: Annotated[Literal[".", ","] | None, Query(description="Decimal sign.")] = None,
) -> TableTaken:
    """Take a table of prices of any usual shape into a store of your tenant, and say how it was understood."""
    if fault := name_fault(name):
        raise refused([FieldMistake("/query/name", f"no name: it {fault}", name, NAME_FIX)])
    if name in ADAPTERS:
        mend = "Give the table a name of its own."
        raise refused([FieldMistake("/query/name", "the store of a source", name, mend)])
    check_space(service)
    own = own_stores(service.root(caller.tenant))
    if not (own / name).exists() and len([*own.glob("*")]) >= MOST_STORES:
        mend = "Add the table to one of them."
        raise refused([FieldMistake("/query/name", f"one more than {MOST_STORES} stores", name, mend)])
    stated = {"adjustment": adjustment, "currency": currency, "dates": dates, "decimal": decimal}
    with work_folder() as folder:
        path = folder / f"table{table.ending}"
        path.write_bytes(table.content)
        said = limited(imported_table, str(path), name, stated, home=service.root(caller.tenant))
    return TableTaken(store=name, understood=said)
