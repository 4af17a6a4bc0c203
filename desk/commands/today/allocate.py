"""The targets of a portfolio file today: a page in a run of its own, made whole or not at all."""

from datetime import UTC, datetime
from pathlib import Path

from backtests.runs.folder import reports_folder, staged
from backtests.runs.origin import identity
from backtests.sheets.pages.targets_today import TARGETS_PAGE, targets_brief, write_targets_page
from backtests.today.targets_today import targets_today
from desk.commands.made import Made, file_fact, finish_run, run_for
from foundation.files import writing
from foundation.progress import bar
from research.portfolio import load_portfolio


def make_allocate(
    file: Path,
    reports: Path | None = None,
    as_of: str | None = None,
    policy: str | None = None,
    sensitivity: bool = False,
    trust_code: bool | None = None,
    full: bool = False,
) -> Made:
    """Compute the targets in force with their reasons, and write them as a page.

    file        : portfolio file.
    reports     : folder of the runs, or None for `reports_folder`.
    as_of       : a day of the market's history; None for the last close.
    policy      : name of the only policy that is asked, or None for all.
    sensitivity : true to compute what moves the weights too.
    trust_code  : true if the file may name rules by import path, as for `load_portfolio`.
    full        : true for all tables and reasons in the text.
    Raises      : ConfigError and DataError as `load_portfolio` and `targets_today` do.
    """
    started = datetime.now(UTC)
    with bar(None, "reading prices") as progress:
        portfolio = load_portfolio(file, trust_code=trust_code)
        progress.stage("computing targets")
        found = targets_today(portfolio, as_of, None if policy is None else [policy], sensitivity)
        settings = {"portfolio": portfolio.settings, "as_of": as_of, "policy": policy, "sensitivity": sensitivity}
        run = run_for("allocate", portfolio, settings, found.date)
        final = (reports or reports_folder(portfolio.file)) / run.name
        with writing(final), staged(final) as folder:
            progress.stage("comparing with simple targets")
            text = targets_brief(found)
            progress.stage("drawing the page")
            write_targets_page(folder, found, identity(run))
            finish_run(folder, run, started, text, {"file": file_fact(portfolio)})
    return Made(final, "\n\n".join([text, *([repr(found)] if full else []), str(final / TARGETS_PAGE)]))
