"""The trade lists of all accounts of a file, solved in processes and written in the order of the file."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from backtests.runs.folder import reports_folder
from backtests.runs.tasks import check_workers, in_processes
from desk.commands.orders.house import accounts_after_path
from desk.commands.orders.replaced_files import replaced_files
from desk.commands.orders.trades import as_sent, check_out, policy_now, today_of, write_tickets
from desk.tickets.account_rows import (
    ACCOUNT_COLUMNS,
    ACCOUNT_FAILED,
    ORDER_COLUMNS,
    account_columns,
    account_row,
    order_columns,
    order_rows,
)
from desk.tickets.accounts import Model, account_of
from desk.tickets.accounts_file import ACCOUNT, MODEL, AccountsFile, Row
from desk.tickets.destination import check_destination
from desk.tickets.formats.order_csv import csv_bytes
from desk.tickets.house import HouseAccount, house_ticket
from foundation.arguments import day, refuse
from foundation.dataclasses import dataclass, field
from foundation.errors import ConfigError, DataError
from foundation.files import replacing_together, writing
from foundation.paper.cells import cell_text
from foundation.paper.wording import counted
from foundation.progress import bar
from research.portfolio import load_portfolio
from research.portfolio.holdings.prices import overrides_first

TASK = 16  # accounts that a process is given at a time
MODELS = 32  # that a process keeps
FAILURES_SHOWN = 5  # failures on the terminal; the file has all of them
WORDS = {
    "trade": "trade",
    "hold": "hold",
    "no order": "want a trade of which no order can be sent",
    ACCOUNT_FAILED: "failed",
}


@dataclass(frozen=True)
class Listed:
    """The outcome for the accounts of a file: the number of failures, and the text for the terminal."""

    failed: int
    text: str


class Part(NamedTuple):
    """The lists of a few accounts.

    orders, accounts : rows of both files, as CSV.
    statuses         : number of accounts with each status.
    errors           : number of accounts that fail for each reason.
    notes            : notes on the data of their models, in sentences.
    house            : the accounts for the ticket of the house, where one is asked for.
    """

    orders: bytes
    accounts: bytes
    statuses: Counter[str]
    errors: Counter[str]
    notes: tuple[str, ...] = ()
    house: tuple[HouseAccount, ...] = ()


def list_accounts(
    file: Path,
    out: Path | None,
    *,
    tickets: Sequence[str] = (),
    exact: bool = False,
    workers: int = 1,
    reports: Path | None = None,
    as_of: str | None = None,
    stale_ok: bool = False,
    fx: str | None = None,
    trust_code: bool | None = None,
) -> Listed:
    """Write the orders of all accounts of a file to `out`, and a row an account beside it (`accounts_path`).

    Rows are read, solved and written a few at a time, in the order of the file. All files hold the same bytes whatever
    the number of processes. An account that fails has its sentence in its row;
    prices that are too old refuse all accounts of their model, with one sentence.
    file       : file of the accounts (`desk.tickets.accounts`).
    out        : CSV file to write.
    tickets    : paths of the ticket of the house, which has the accounts that have a list (`desk.tickets.house`).
    exact      : true for lots of each account that are proven the best, false for those of the greedy search.
    workers    : number of processes of this machine.
    reports    : folder of the runs, or None for the `reports_folder` of each model.
    as_of      : today, YYYY-MM-DD, to which the age of each price is counted; "" takes that of each model's exchange,
                 None counts none.
    stale_ok   : true to list accounts, marked, whose prices are too old for orders.
    fx         : exchange rates of today for all models (`replaced_files`).
    trust_code : true if the models' files may name rules by import path, as for `load_portfolio`.
    Raises     : ConfigError or DataError for a file that cannot be read, for a day or rates that are none, for a place
                 where the lists cannot be written, and as `house_ticket` does: nothing is written then.
    """
    check_workers(workers)
    if out is None or out.suffix.lower() != ".csv":
        found = ", ".join(tickets) if out is None else str(out)
        refuse("out is", found, "give the path of a CSV file for the orders of all accounts, such as orders.csv.")
    orders = _destination(out, ORDER_COLUMNS[: ORDER_COLUMNS.index("notional")])
    accounts = _destination(accounts_path(out), ACCOUNT_COLUMNS[: ACCOUNT_COLUMNS.index("objective")])
    paths = check_out(tickets, reports or reports_folder(file))
    with bar(None, "reading accounts"):
        asked = AccountsFile.read(file)
    statuses, errors, notes = Counter[str](), Counter[str](), dict.fromkeys(asked.notes)
    if as_of:
        day("as_of is", as_of)
    overrides = replaced_files(fx=fx)
    if paths:
        _check_house(asked, paths)
    now = datetime.now(UTC)
    solve = _Solver(asked, exact, reports, as_of, now, stale_ok, overrides, trust_code, bool(paths))
    house, ticket = list[HouseAccount](), None
    with (
        bar(asked.count, "listing", "accounts") as progress,
        replacing_together((*paths, accounts, orders)) as files,  # the orders are the last to be seen
    ):
        *to_tickets, to_accounts, to_orders = files
        for part in _parts(solve, workers):
            with writing(orders):
                to_orders.write(part.orders)
            with writing(accounts):
                to_accounts.write(part.accounts)
            statuses += part.statuses
            notes |= dict.fromkeys(part.notes)
            for sentence, count in part.errors.items():
                if sentence in errors or len(errors) < FAILURES_SHOWN:
                    errors[sentence] += count
            progress.update(part.statuses.total())
            house += part.house
        failed = statuses[ACCOUNT_FAILED]
        if paths and not house:
            raise ConfigError(f"no ticket is written: no account of {file} has a list. {' '.join(errors)}".rstrip())
        if paths:
            models = {name: solve.model(name) for name in dict.fromkeys(account.model for account in house)}
            left_out = f"{counted(failed, 'account')} of {file.name} without a list, which failed" if failed else ""
            ticket = as_sent(house_ticket(file.name, house, models, left_out), file, models)
            write_tickets(ticket, paths, to_tickets)
    text = _text(asked, statuses, errors, overrides_first(notes), [*paths, orders])
    return Listed(failed, text if ticket is None else f"{text}\n{ticket.headline}")


def accounts_path(orders: Path) -> Path:
    """The path of the file with a row an account: beside the orders.

    >>> accounts_path(Path("out/orders.csv")).name
    'orders.accounts.csv'
    """
    return orders.with_suffix(f".accounts{orders.suffix}")


def _destination(path: Path, columns: Sequence[str]) -> Path:
    """The path, if no more than an earlier file that begins with these columns is replaced there."""
    header = ",".join(columns).encode()
    return check_destination("out", path, is_ours=lambda opened: opened.read(len(header)) == header)


def _check_house(file: AccountsFile, tickets: Iterable[Path]) -> None:
    """Raise ConfigError for accounts with several currencies, and for a ticket that would overwrite its accounts."""
    if file.cash_columns:
        raise ConfigError(
            f"{file.path} has cash by currency, and the ticket of a house has one currency: write a CSV alone."
        )
    for path in tickets:
        if accounts_after_path(path).absolute() == file.path.absolute():
            fix = f"its execution would write the accounts over {file.path}, from which it is made. Name it otherwise."
            refuse("out is", str(path), fix)


def _parts(solve: "_Solver", workers: int) -> Iterator[Part]:
    """The headers of both files, then the lists of all accounts, in the order of the file."""
    yield Part(_csv([order_columns(solve.file)]), _csv([account_columns(solve.file)]), Counter(), Counter())
    rows = _few(solve.file.rows())
    if min(workers, solve.file.count // TASK) > 1:
        yield from (part for _, part in in_processes(solve, rows, workers, in_order=True))
    else:
        yield from map(solve, rows)


def _few(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """The rows, a task at a time."""
    while few := list(islice(rows, TASK)):
        yield few


@dataclass(eq=False)
class _Solver:
    """Solves rows of a file, and keeps the models that it read: a process has one of its own."""

    file: AccountsFile
    exact: bool
    reports: Path | None
    as_of: str | None
    now: datetime
    stale_ok: bool
    overrides: Mapping[str, Any]
    trust_code: bool | None
    of_house: bool = False
    models: dict[str, Model | ConfigError] = field(default_factory=dict)

    def __call__(self, rows: Iterable[Row]) -> Part:
        """The lists of a few accounts."""
        orders, accounts, notes = list[list[Any]](), list[list[Any]](), dict[str, None]()
        house = list[HouseAccount]()
        for row in rows:
            try:
                model, portfolio = account_of(self.file, row, self.model)
                notes |= dict.fromkeys(f"{self._cell(row)}: {note}" for note in model.notes)
                trades = model.trades(portfolio, greedy=not self.exact)
                listed, kept = order_rows(self.file, row, trades), account_row(self.file, row, trades)
                if self.of_house:
                    house.append(HouseAccount.of(kept[ACCOUNT_COLUMNS.index(ACCOUNT)], self._cell(row), trades))
            except Exception as error:  # whatever it is, it must not stop the other accounts
                listed, kept = [], account_row(self.file, row, self.why(row, error))
            orders += listed
            accounts.append(kept)
        statuses = Counter(row[ACCOUNT_COLUMNS.index("status")] for row in accounts)
        errors = Counter(row[-1] for row in accounts if row[-1])
        return Part(_csv(orders), _csv(accounts), statuses, errors, tuple(notes), tuple(house))

    def _cell(self, row: Row) -> str:
        """The model of a row, as the file of the accounts names it."""
        return row[1][self.file.columns.index(MODEL)]

    def why(self, row: Row, error: Exception) -> str:
        """A sentence that says why an account has no list; an error of a model's data names the model."""
        if isinstance(error, DataError):
            return f"{self._cell(row)}: {error}"
        return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"

    def model(self, cell: str) -> Model:
        """The model of a cell, whose path is relative to the file of the accounts."""
        if cell not in self.models:
            if len(self.models) == MODELS:
                del self.models[next(iter(self.models))]
            self.models[cell] = self._read(cell)
        found = self.models[cell]
        if isinstance(found, ConfigError):
            raise found
        return found

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


def _csv(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows as CSV; a cell that a spreadsheet would run as a formula gets a quote."""
    return csv_bytes(map(cell_text, row) for row in rows)


def _text(
    file: AccountsFile, statuses: Counter[str], errors: Counter[str], notes: Sequence[str], paths: Sequence[Path]
) -> str:
    """The numbers of accounts that trade, hold or failed, the first failures, notes on the data, and the paths."""
    accounts = accounts_path(paths[-1])
    counts = ", ".join(f"{statuses[status]:,} {words}" for status, words in WORDS.items() if statuses[status])
    told = [f"{why} ({counted(count, 'account')})" if count > 1 else why for why, count in errors.items()]
    if rest := statuses[ACCOUNT_FAILED] - errors.total():
        told.append(f"{rest:,} more failed: see {accounts}.")
    more = (
        [f"{counted(len(notes) - FAILURES_SHOWN, 'more note')} on the data of models."]
        if len(notes) > FAILURES_SHOWN
        else []
    )
    told += [*notes[:FAILURES_SHOWN], *more]
    head, written = f"{counted(file.count, 'account')}: {counts}.", f"{', '.join(map(str, paths))} and {accounts}"
    return "\n".join([head, *told, f"Written to {written}."])
