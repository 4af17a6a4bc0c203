"""The lists of the accounts of a file in parts: solved by processes or a cluster, and kept as finished chunks."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from backtests.runs.chunks import WorkPart, chunk, finished, made_from, read_chunk, write_chunk
from backtests.runs.sent_markets import run_on_cluster
from backtests.runs.tasks import in_processes
from desk.commands.orders.trades import policy_now, today_of
from desk.tickets.account_lots import rows_of
from desk.tickets.account_rows import ACCOUNT_COLUMNS, account_row, order_rows
from desk.tickets.accounts import Model, account_of, request_in
from desk.tickets.accounts_file import ACCOUNT, MODEL, AccountsFile, Row
from desk.tickets.attention import Attention
from desk.tickets.formats.order_csv import csv_bytes
from desk.tickets.house import HouseAccount
from desk.tickets.ticket import Order, RatedOrder
from foundation.dataclasses import asdict, dataclass, field, replace
from foundation.errors import ConfigError, DataError
from foundation.files import sha256_of
from foundation.paper.cells import cell_text
from foundation.progress import bar
from research.portfolio import load_portfolio

FIRST_TASK, LARGEST_TASK = 16, 1_024  # accounts of the first tasks, and of any
TASK_SECONDS = 1.0  # of work in a task, which a kill loses
MODELS_KEPT = 32  # that a process keeps
NO_LOTS: Mapping[str, str] = {}
NO_ATTENTION = Attention()
pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own keeps what is freed, and would grow with the parts


class AccountLists(NamedTuple):
    """The lists of the accounts of a part.

    orders, accounts : rows of both files, as CSV.
    statuses         : number of accounts with each status.
    errors           : number of accounts that fail for each reason.
    notes            : notes on the data of their models, in sentences.
    house            : the accounts for the ticket of the house, where one is asked for.
    attention        : the accounts that need a person, where their page is asked for.
    """

    orders: bytes
    accounts: bytes
    statuses: Counter[str]
    errors: Counter[str]
    notes: tuple[str, ...] = ()
    house: tuple[HouseAccount, ...] = ()
    attention: Attention = NO_ATTENTION

    def table(self) -> pa.Table:
        """One row with these lists; all but the CSV is JSON."""
        house = [_plain(each) for each in self.house]
        others = (self.statuses, self.errors, self.notes, house, self.attention.plain())
        texts = dict(zip(self._fields[2:], map(json.dumps, others), strict=True))
        return pa.table({name: [value] for name, value in {**self._asdict(), **texts}.items()})

    @classmethod
    def of(cls, table: pa.Table) -> "AccountLists":
        """The lists of a row that `table` gave."""
        row = table.to_pylist()[0]
        statuses, errors, notes, house, attention = (json.loads(row[name]) for name in cls._fields[2:])
        accounts = tuple(_house_account(each) for each in house)
        known = Attention.read(attention)
        return cls(row["orders"], row["accounts"], Counter(statuses), Counter(errors), tuple(notes), accounts, known)


def _plain(account: HouseAccount) -> dict[str, Any]:
    return account._asdict() | {"orders": [asdict(order) for order in account.orders]}


def _house_account(stated: Mapping[str, Any]) -> HouseAccount:
    orders = tuple((RatedOrder if "rate" in order else Order)(**order) for order in stated["orders"])
    return HouseAccount(**{**stated, "orders": orders})


@dataclass(frozen=True)
class AccountTask:
    """Neighbouring accounts of a file: their rows, and by account the tax lots of those that have some."""

    part: WorkPart
    rows: tuple[Row, ...]
    lots: Mapping[str, str]


class OtherModel(Exception):
    """A model has changed since the lists were begun: the run ends, where other faults fail an account."""


@dataclass(eq=False)
class AccountSolver:
    """Solves rows of a file, and keeps the models that it read: a process has one of its own.

    origins : inputs of the lists of each model, as `Model.origin` gives them, or {"error": why it cannot be
              read}; a model that is read later must have the same.
    """

    file: AccountsFile
    exact: bool
    reports: Path | None
    as_of: str | None
    now: datetime
    stale_ok: bool
    overrides: Mapping[str, Any]
    trust_code: bool | None
    of_house: bool = False
    of_page: bool = False
    models: dict[str, Model | ConfigError] = field(default_factory=dict)
    origins: dict[str, Mapping[str, str]] = field(default_factory=dict)
    models_kept: int = MODELS_KEPT

    def __call__(self, rows: Iterable[Row], lots: Mapping[str, str] = NO_LOTS) -> AccountLists:
        """The lists of a few accounts. lots : by account, its tax lots as `read_account_lots` gives them."""
        orders, accounts, notes = list[list[Any]](), list[list[Any]](), dict[str, None]()
        house, attention = list[HouseAccount](), NO_ATTENTION
        for row in rows:
            try:
                own = rows_of(lots.get(self._cell(row, ACCOUNT), ""))
                model, portfolio = account_of(self.file, row, self.model, own)
                notes |= dict.fromkeys(f"{self._cell(row)}: {note}" for note in model.notes)
                trades = model.trades(portfolio, not self.exact, request_in(self.file, row))
                listed, kept = order_rows(self.file, row, trades), account_row(self.file, row, trades)
                if self.of_house:
                    house.append(HouseAccount.of(kept[ACCOUNT_COLUMNS.index(ACCOUNT)], self._cell(row), trades))
                if self.of_page:
                    attention += Attention.of_list(self._cell(row, ACCOUNT), self._cell(row), trades)
            except OtherModel as error:
                raise DataError(str(error)) from error
            except Exception as error:  # whatever it is, it must not stop the other accounts
                why = self.why(row, error)
                listed, kept = [], account_row(self.file, row, why)
                if self.of_page:
                    attention += Attention.of_failure(self._cell(row, ACCOUNT), self._cell(row), why)
            orders += listed
            accounts.append(kept)
        statuses = Counter(row[ACCOUNT_COLUMNS.index("status")] for row in accounts)
        errors = Counter(row[-1] for row in accounts if row[-1])
        texts = csv_rows(orders), csv_rows(accounts)
        return AccountLists(*texts, statuses, errors, tuple(notes), tuple(house), attention)

    def _cell(self, row: Row, column: str = MODEL) -> str:
        """The cell of a row, by default its model, as the file of the accounts names it; "" where the row ends."""
        return dict(zip(self.file.columns, row[1], strict=False)).get(column, "")

    def why(self, row: Row, error: Exception) -> str:
        """A sentence that says why an account has no list; an error of a model's data names the model."""
        if isinstance(error, DataError):
            return f"{self._cell(row)}: {error}"
        return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"

    def model(self, cell: str) -> Model:
        """The model of a cell, whose path is relative to the file of the accounts.

        Raises : ConfigError for one that cannot be read; OtherModel for one that has changed since the lists were
                 begun.
        """
        if cell not in self.models:
            if len(self.models) >= self.models_kept:
                del self.models[next(iter(self.models))]
            found = self._read(cell)
            self._check_same(cell, found)
            self.models[cell] = found
        found = self.models[cell]
        if isinstance(found, ConfigError):
            raise found
        return found

    def _check_same(self, cell: str, found: Model | ConfigError) -> None:
        """Raise OtherModel for a model that is not what was read first under its name, here or where work was begun."""
        origin = {"error": str(found)}
        if isinstance(found, Model):
            origin = {"file": sha256_of(self.file.model_path(cell)), **found.origin}
        before = self.origins.setdefault(cell, origin)
        if differ := [name for name in {**origin, **before} if origin.get(name) != before.get(name)]:
            raise OtherModel(
                f"{cell} has changed since the lists were begun: found another {', '.join(differ)}. Start the command "
                "again: all lists of a model are made from one state of it."
            )

    def _read(self, cell: str) -> Model | ConfigError:
        try:
            path = self.file.model_path(cell)
            portfolio = load_portfolio(
                path, self.overrides, trust_code=self.trust_code, as_of=self.as_of or None, of_now=True
            )
            found = policy_now(portfolio, reports=self.reports)
            today = today_of(self.as_of, portfolio.market.calendar, self.now)
            return Model.of(portfolio, *found, as_of=today, stale_ok=self.stale_ok)
        except (ValueError, OSError) as error:
            return ConfigError(str(error))


def csv_rows(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows as CSV; a cell that a spreadsheet would run as a formula gets a quote."""
    return csv_bytes(map(cell_text, row) for row in rows)


def solve_into(
    folder: Path, solve: AccountSolver, tasks: "AccountTasks", where: tuple[int, str], progress: bar
) -> None:
    """Solve the unfinished accounts of a file, and write a chunk for each task as it finishes; none stays in memory.

    folder   : folder of the chunks, which the caller holds.
    where    : number of processes of this machine, and the address of a Dask cluster instead, or "".
    progress : bar of the accounts.
    """
    workers, cluster = where
    job = partial(_chunk, made_from(folder))
    if cluster:
        results = run_on_cluster(solve, job, tasks.drawn(), cluster)
    elif min(workers, (tasks.file.count - tasks.accounts_done) // FIRST_TASK) > 1:
        results = in_processes(partial(job, replace(solve, models={})), tasks.drawn(), workers)
    else:
        results = ((task, job(solve, task)) for task in tasks.drawn())
    for task, (content, seconds) in results:
        write_chunk(folder, task.part, content)
        tasks.measure(len(task.rows), seconds)
        progress.update(len(task.rows))


def _chunk(stamp: bytes, solve: AccountSolver, task: AccountTask) -> tuple[bytes, float]:
    """The chunk of a task, and the seconds that it took."""
    began = time.perf_counter()
    return chunk(solve(task.rows, task.lots).table(), stamp), time.perf_counter() - began


@dataclass
class AccountTasks:
    """The unfinished accounts of a file as tasks, sized by the seconds that the last one took.

    done : parts that are finished.
    lots : by account, its tax lots as `read_account_lots` gives them.
    hashes : sha256 of the files with the accounts and lots, by path, as they were when the lists were begun.
    size : accounts of the next task.
    """

    file: AccountsFile
    done: set[WorkPart]
    lots: Mapping[str, str] = field(default_factory=dict)
    hashes: Mapping[Path, str] = field(default_factory=dict)
    size: int = FIRST_TASK

    @property
    def accounts_done(self) -> int:
        """Number of finished accounts."""
        return sum(part.stop - part.first for part in self.done)

    def measure(self, accounts: int, seconds: float) -> None:
        """Size further tasks by one that is finished: at most twice as large as it was, since models are read first."""
        fitting = int(TASK_SECONDS * accounts / max(seconds, 1e-6))
        self.size = max(1, min(fitting, 2 * accounts, LARGEST_TASK))

    def drawn(self) -> Iterator[AccountTask]:
        """The tasks, in the order of the file. Raises DataError for files that have changed before they are read."""
        stops, number, rows = {part.first: part.stop for part in self.done}, -1, list[Row]()
        finished = 0  # accounts before this number are finished
        for number, row in enumerate(self.file.rows()):  # the first row is there when all of the file is read
            for path in self.hashes if number == 0 else ():
                if sha256_of(path) != self.hashes[path]:
                    raise DataError(f"{path} has changed since the lists were begun. Start the command again.")
            finished = max(finished, stops.get(number, 0))
            if rows and (number < finished or len(rows) >= self.size):
                yield self._task(rows, number)
                rows = []
            if number >= finished:
                rows.append(row)
        if rows:
            yield self._task(rows, number + 1)

    def _task(self, rows: Sequence[Row], stop: int) -> AccountTask:
        place = self.file.columns.index(ACCOUNT)
        names = [cells[place] for _, cells in rows if place < len(cells)] if self.lots else []
        own = {name: self.lots[name] for name in names if name in self.lots}
        return AccountTask(WorkPart(stop - len(rows), stop), tuple(rows), own)


def finished_lists(folder: Path, count: int) -> Iterator[AccountLists]:
    """The lists of all accounts from their chunks, in the order of the file, a part at a time.

    count  : number of accounts.
    Raises : DataError where the chunks are not those of all accounts, each once.
    """
    parts = sorted(finished(folder))
    if [0, *(part.stop for part in parts)] != [*(part.first for part in parts), count]:
        raise DataError(f"the chunks in {folder} are not those of {count} accounts. Delete it, and start again.")
    return (AccountLists.of(read_chunk(folder, part)) for part in parts)
