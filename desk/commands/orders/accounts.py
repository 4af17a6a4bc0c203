"""The trade lists of all accounts of a file: solved in parts that a killed run keeps, written in the file's order."""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from backtests.runs.chunks import clear, discard, other_origin, unfinished
from backtests.runs.folder import Run, reports_folder
from backtests.runs.tasks import check_workers
from desk.commands.orders.account_parts import (
    MODELS_KEPT,
    AccountLists,
    AccountSolver,
    AccountTasks,
    csv_rows,
    finished_lists,
    solve_into,
)
from desk.commands.orders.accounts_page import accounts_page, is_accounts_page
from desk.commands.orders.house import accounts_after_path
from desk.commands.orders.replaced_files import replaced_files
from desk.commands.orders.trades import as_sent, check_out, write_tickets
from desk.tickets.account_lots import read_account_lots
from desk.tickets.account_rows import ACCOUNT_COLUMNS, ACCOUNT_FAILED, ORDER_COLUMNS, account_columns, order_columns
from desk.tickets.accounts_file import ACCOUNT, DEPLOY, SIDE_COLUMN, WITHDRAW, AccountsFile
from desk.tickets.attention import Attention
from desk.tickets.destination import check_destination
from desk.tickets.house import HouseAccount, house_ticket
from foundation.arguments import day, refuse
from foundation.canonical import content_hash
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError
from foundation.files import replacing_together, sha256_of, writing
from foundation.paper.wording import counted
from foundation.progress import bar
from research.portfolio.holdings.prices import overrides_first

FAILURES_SHOWN = 5  # failures on the terminal; the file has all of them
ORIGINS_SHOWN = 3  # that differ from those of an interrupted run
ATTENTION_WORDS = {
    "trade": "trade",
    "hold": "hold",
    "no order": "want a trade of which no order can be sent",
    ACCOUNT_FAILED: "failed",
}


@dataclass(frozen=True)
class ListedAccounts:
    """The outcome for the accounts of a file: the number of failures, and the text for the terminal."""

    failed: int
    text: str


def list_accounts(
    file: Path,
    out: Path | None,
    *,
    tickets: Sequence[str] = (),
    exact: bool = False,
    workers: int = 1,
    cluster: str = "",
    reports: Path | None = None,
    as_of: str | None = None,
    stale_ok: bool = False,
    fx: str | None = None,
    lots: Path | None = None,
    trust_code: bool | None = None,
) -> ListedAccounts:
    """Write the orders of all accounts of a file to `out`, and a row an account beside it (`accounts_path`).

    Rows are read and solved a few at a time, and kept as chunks in a hidden folder beside `out`, from which the same
    call resumes after it was killed; parts that were made from other inputs are not used. All files hold the same bytes
    whatever the workers, in the order of the file. An account that fails has its sentence in its row;
    prices that are too old refuse all accounts of their model, with one sentence.
    file       : file of the accounts (`desk.tickets.accounts`).
    out        : CSV file to write.
    tickets    : paths of the ticket of the house, which has the accounts that have a list (`desk.tickets.house`); that
                 of `out` with .html is the page of the accounts that need a person.
    exact      : true for lots of each account that are proven the best, false for those of the greedy search.
    workers    : number of processes of this machine.
    cluster    : address of a Dask cluster instead, or ""; models and their markets are sent to it.
    reports    : folder of the runs, or None for the `reports_folder` of each model.
    as_of      : today, YYYY-MM-DD, to which the age of each price is counted; "" takes that of each model's exchange,
                 None counts none.
    stale_ok   : true to list accounts, marked, whose prices are too old for orders.
    fx         : exchange rates of today for all models (`replaced_files`).
    lots       : file with the tax lots of accounts (`desk.tickets.account_lots`).
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
    page, asked_paths = out.with_suffix(".html"), [Path(path) for path in tickets]
    pages = [check_destination("out", page, is_ours=is_accounts_page)] if page in asked_paths else []
    tickets = [path for path in tickets if Path(path) != page]
    paths = check_out(tickets, reports or reports_folder(file))
    with bar(None, "reading accounts"):
        asked, of_lots = AccountsFile.read(file), dict[str, str]()
        hashes = {path: sha256_of(path) for path in (file, *([] if lots is None else [lots]))}
        if lots is not None:
            place = asked.columns.index(ACCOUNT)
            names = {cells[place]: None for _, cells in asked.rows() if place < len(cells)}
            lots_file, of_lots = read_account_lots(lots, names)
            asked = replace(asked, lots=lots_file)
    if as_of:
        day("as_of is", as_of)
    overrides = replaced_files(fx=fx)
    if paths:
        _check_house(asked, paths)
    now = datetime.now(UTC)
    kept = len(asked.models) if cluster else MODELS_KEPT
    solve = AccountSolver(
        asked, exact, reports, as_of, now, stale_ok, overrides, trust_code, bool(paths), bool(pages), models_kept=kept
    )
    with bar(None, "reading models"):
        for cell in asked.models:
            with suppress(ConfigError):
                solve.model(cell)
    run, data = _inputs(solve, list(hashes.values()))
    chunks = out.with_name(f".{out.name}.unfinished")
    other = other_origin(chunks, run, data)
    with unfinished(chunks, run, data, fresh=bool(other)) as done:
        tasks = AccountTasks(asked, done, of_lots, hashes)
        before = tasks.accounts_done
        with bar(asked.count, "listing", "accounts", done=before) as progress:
            solve_into(chunks, solve, tasks, (workers, cluster), progress)
        try:
            listed = _written(finished_lists(chunks, asked.count), solve, [*paths, *pages, accounts, orders])
        except ConfigError:  # the same inputs would fail again
            clear(chunks)
            raise
        discard(chunks)
    more = [f"{counted(before, 'account')} had been finished by an interrupted run."] if before else []
    if other:
        more.append(f"Parts of an interrupted run with other inputs were not used: {'; '.join(other[:ORIGINS_SHOWN])}.")
    return replace(listed, text="\n".join([listed.text, *more]))


def _inputs(solve: AccountSolver, hashes: Sequence[str]) -> tuple[Run, dict[str, str]]:
    """The inputs of the lists: as a run, and the fingerprint of each model's market."""
    settings = {
        **dict(zip(("accounts", "lots"), hashes, strict=False)),
        "models": {cell: dict(origin) for cell, origin in solve.origins.items()},
        "exact": solve.exact,
        "stale_ok": solve.stale_ok,
        "house": solve.of_house,
        "page": solve.of_page,
    }
    data = {cell: origin["data"] for cell, origin in solve.origins.items() if "data" in origin}
    return Run("trades", solve.file.path.stem, solve.as_of or "", settings, content_hash(data)), data


def _written(parts: Iterable[AccountLists], solve: AccountSolver, paths: Sequence[Path]) -> ListedAccounts:
    """Write the lists of all parts, which are in memory one at a time: paths of tickets, then accounts, then orders."""
    file, (*others, accounts, orders) = solve.file, paths
    tickets, pages = others[: len(others) - solve.of_page], others[len(others) - solve.of_page :]
    statuses, errors, notes = Counter[str](), Counter[str](), dict.fromkeys(file.notes)
    house, ticket, attention = list[HouseAccount](), None, Attention()
    with bar(None, "writing the lists"), replacing_together(paths) as files:  # the orders are the last to be seen
        *to_others, to_accounts, to_orders = files
        header = AccountLists(csv_rows([order_columns(file)]), csv_rows([account_columns(file)]), Counter(), Counter())
        for part in chain([header], parts):
            with writing(orders):
                to_orders.write(part.orders)
            with writing(accounts):
                to_accounts.write(part.accounts)
            statuses += part.statuses
            notes |= dict.fromkeys(part.notes)
            for sentence, count in part.errors.items():
                if sentence in errors or len(errors) < FAILURES_SHOWN:
                    errors[sentence] += count
            house += part.house
            attention += part.attention
        failed = statuses[ACCOUNT_FAILED]
        if tickets and not house:
            raise ConfigError(
                f"no ticket is written: no account of {file.path} has a list. {' '.join(errors)}".rstrip()
            )
        if tickets:
            models = {name: solve.model(name) for name in dict.fromkeys(account.model for account in house)}
            left_out = (
                f"{counted(failed, 'account')} of {file.path.name} without a list, which failed" if failed else ""
            )
            ticket = as_sent(house_ticket(file.path.name, house, models, left_out), file.path, models)
            write_tickets(ticket, tickets, to_others[: len(tickets)])
        if pages:
            by_status = {words: statuses[status] for status, words in ATTENTION_WORDS.items()}
            with writing(pages[0]):
                to_others[-1].write(accounts_page(file.path.name, by_status, attention, (orders.name, accounts.name)))
    text = _text(file, statuses, errors, overrides_first(notes), [*others, orders])
    return ListedAccounts(failed, text if ticket is None else f"{text}\n{ticket.headline}")


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
    """Raise ConfigError for accounts with several currencies or flows, and for a ticket over its accounts."""
    if file.cash_columns:
        raise ConfigError(
            f"{file.path} has cash by currency, and the ticket of a house has one currency: write a CSV alone."
        )
    if flows := [name for name in (DEPLOY, WITHDRAW, SIDE_COLUMN) if name in file.columns]:
        raise ConfigError(
            f"{file.path} has the column {flows[0]}, and the ticket of a house books no money that comes in or goes "
            "out: write a CSV alone."
        )
    for path in tickets:
        if accounts_after_path(path).absolute() == file.path.absolute():
            fix = f"its execution would write the accounts over {file.path}, from which it is made. Name it otherwise."
            refuse("out is", str(path), fix)


def _text(
    file: AccountsFile, statuses: Counter[str], errors: Counter[str], notes: Sequence[str], paths: Sequence[Path]
) -> str:
    """The numbers of accounts that trade, hold or failed, the first failures, notes on the data, and the paths."""
    accounts = accounts_path(paths[-1])
    counts = ", ".join(f"{statuses[status]:,} {words}" for status, words in ATTENTION_WORDS.items() if statuses[status])
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
