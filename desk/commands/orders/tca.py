"""The report on what journalled orders cost: read from the journal, held against a portfolio file, and written."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from desk.commands.orders.trades import policy_now
from desk.journal.journal import Journal
from desk.tca.end_prices import asset_places, end_prices
from desk.tca.orders import USUAL_CALENDAR, read_orders
from desk.tca.page import main_picture, report_html
from desk.tca.report import Report
from desk.tca.suggestion import CostChange, changed_costs, cost_changes, policy_costs
from desk.tickets.accounts_file import ACCOUNTS, AccountsFile
from desk.tickets.house import house_name
from desk.tickets.order_ids import list_id
from foundation.arguments import day, refuse
from foundation.errors import ConfigError, InputError
from foundation.files import write_whole, writing
from foundation.paper.files import png_file, svg_file
from foundation.paper.formats import csv_text
from foundation.paper.wording import listed, number
from research.orders.shortfall import Delay
from research.portfolio import Portfolio, load_portfolio

OUTPUT_FORMS: dict[str, Callable[[Report], str | bytes]] = {
    ".html": report_html,
    ".csv": lambda report: csv_text(report.orders),
    ".png": lambda report: png_file(svg_file(main_picture(report))),
}


def cost_report(
    ticket: str = "",
    since: str = "",
    portfolios: Sequence[Portfolio] = (),
    delay: Delay = "wanted",
    reports: Path | None = None,
    folder: Path | None = None,
) -> Report:
    """The report on the orders of a journal.

    ticket     : the beginning of the hash of a list, "" for all.
    since      : first day, YYYY-MM-DD, "" for all.
    portfolios : only orders of the lists of one, or of a house by its models (`portfolios_of`); () for all orders. What
                 was not filled is valued at the close, and costs are compared, of the first that has the asset.
    delay      : convention of delay and opportunity, as `shortfall` takes it.
    reports    : folder of the runs, or None for `reports_folder`.
    folder     : folder of the journal, or None for that of the desk.
    Raises     : ConfigError for a day that is none, and where the journal has no such order; DataError where it cannot
                 be read.
    """
    since = f"{day('since is', since):%Y-%m-%d}" if since else ""
    name = portfolios[0].name if portfolios else ""
    calendar = portfolios[0].market.calendar if portfolios else USUAL_CALENDAR
    with Journal(folder, read_only=True) as journal:
        table, faults = read_orders(
            journal, ticket=ticket, since=since, delay=delay, end_price=end_prices(portfolios), calendar=calendar
        )
        place, head = journal.folder, journal.head
    if name:
        table = table[table["portfolio"] == name].reset_index(drop=True)
    report = Report(table, faults, delay, asked=_asked(ticket, since, name), head=head)
    if table.empty:
        raise ConfigError(
            f"the journal in {place} has none of {report.asked} that was sent, filled or refused. Send a list first, "
            f"or ask for others. {' '.join(faults)}".rstrip()
        )
    changes, effects = list[CostChange](), list[str]()
    for portfolio in portfolios:
        own = cost_changes(table, portfolio)
        table = table[~table["asset"].isin(asset_places(portfolio))]
        changes += own
        effects += [_effect(portfolio, own, reports)] if own else []
    if portfolios and not changes:
        effects.append(
            f"No change of the costs of {listed([of.file for of in portfolios])} is suggested: no class has orders of "
            "two days or more with their fees and with quotes at all their fills."
        )
    return replace(report, changes=tuple(changes), effect=" ".join(effects))


def portfolios_of(file: Path, trust_code: bool | None = None) -> list[Portfolio]:
    """The portfolio of a file; of a file of accounts, its models, under the name of their house.

    Raises : ConfigError and DataError as `load_portfolio`, `AccountsFile.read` and `house_name` do.
    """
    if file.suffix != ACCOUNTS:
        return [load_portfolio(file, trust_code=trust_code)]
    names = AccountsFile.read(file).models
    models = {name: load_portfolio(file.parent / name, trust_code=trust_code) for name in names}
    return [replace(model, name=house_name(models)) for model in models.values()]


def _asked(ticket: str, since: str, name: str) -> str:
    of = [name] if name else []
    of += [f"list {list_id(ticket)}"] if ticket else []
    return f"the orders of {' and '.join(of) or 'the journal'}{f' since {since}' if since else ''}"


def _effect(portfolio: Portfolio, changes: Sequence[CostChange], reports: Path | None) -> str:
    """A sentence on the costs of the policy at the suggested costs."""
    try:
        rule, name, _ = policy_now(portfolio, "", reports)
        before, after = policy_costs(portfolio, rule, name, changed_costs(portfolio, changes))
    except InputError as error:
        return f"The effect of the suggested costs on a policy is not known: {error}"
    return (
        f"At the suggested costs, policy {name} costs {number(after)} bp of NAV a year in the test of "
        f"{portfolio.file}, and {number(before)} at those of the file ({number(after - before, signed=True)}). To see "
        f"which policy is then recommended, write them into the file and run: rebalance report {portfolio.file}"
    )


def check_outputs(out: Iterable[str]) -> list[Path]:
    """The paths of outputs. Raises ConfigError for another ending than those of `OUTPUT_FORMS`."""
    paths = [Path(path) for path in out]
    for path in paths:
        if path.suffix not in OUTPUT_FORMS:
            refuse("--out is", str(path), f"end it with {', '.join(OUTPUT_FORMS)}.")
    return paths


def save_report(report: Report, paths: Sequence[Path]) -> str:
    """Write a report to each path, in the form of its ending. Gives a sentence.

    Raises : DataError for a picture of orders of which no total is known.
    """
    for path in paths:
        with writing(path):
            write_whole(path, OUTPUT_FORMS[path.suffix](report))
    return f"Written to {', '.join(map(str, paths))}." if paths else "Nothing was written."
