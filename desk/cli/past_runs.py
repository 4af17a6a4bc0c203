"""`rebalance runs`, alone or with show, diff, verify, replay, pdf, note; `research trials`: what they tried."""

from pathlib import Path

import typer

from desk.cli.command_types import is_alone
from desk.cli.options import FinishedRun, Full, Retrain, Sections, argument, names_in, option, starting, trusted
from desk.commands.terminal import print_text, tell
from foundation.progress import bar


def verify_run(run: FinishedRun) -> None:
    """Say whether RUN is what it was when it was made.

    Its files and its manifest are checked. Exit status 1 if it is not.
    """
    with starting():
        from backtests.runs.verify import verify as verified

    found = verified(run)
    tell(repr(found), found.changed)


def list_runs(
    context: typer.Context,
    kind: str = option("Only runs of this kind, such as report, backtest or sweep."),
    portfolio: str = option("Only runs of this portfolio, such as sixty_forty."),
    since: str = option("Only runs made on this day or later, YYYY-MM-DD.", metavar="DAY"),
    sort: str = option("Order by time, or by a column such as loss; -loss has the largest first.", default="time"),
    where: list[str] | None = option(
        "Only runs of which this holds, such as 'loss<2'; may be repeated.", metavar="TEST"
    ),
    as_json: bool = option("Print JSON, in the units of records.", "--json"),
) -> None:
    """List the finished runs, or show, compare or repeat one.

    Alone, it lists them with their figures, the newest first.
    """
    if not is_alone(context):
        return
    with starting():
        from desk.commands.past_runs import WantedRuns, runs_text

    print_text(runs_text(wanted=WantedRuns(kind, portfolio, since, sort, where or ()), as_json=as_json))


def note(run: FinishedRun, text: str = argument("One line; an empty one takes the note away.")) -> None:
    """Note a line on RUN, which the list of runs shows."""
    with starting():
        from desk.commands.finished_run import note_run

    print_text(note_run(run, text))


def trials(
    portfolio: str = argument("Only trials of this portfolio, such as sixty_forty. [default: all]", default=""),
) -> None:
    """Show how many configurations were tried: the trial book.

    It says what that leaves of the best of them.
    """
    with starting():
        from desk.commands.trials import trials_text

    with bar(None, "reading the trial book"):
        text = trials_text(portfolio)
    print_text(text)


def show_run(
    run: FinishedRun, png: Path | None = option("Also draw each picture of RUN as PNG into this folder.")
) -> None:
    """Print again what RUN printed, and where its sheet is."""
    with starting():
        from desk.commands.finished_run import show_text

    print_text(show_text(run))
    if png is not None:
        with starting():
            from desk.commands.print_page import write_pngs

        print_text(write_pngs(run, png))


def pdf(
    run: Path = argument("Folder of a run, or path of a page such as card.html."),
    full: Full = False,
    sections: Sections = "",
) -> None:
    """Print the page of RUN as PDF beside it, by Chromium.

    A print is no part of a run: `verify` does not see it.
    """
    with starting():
        from desk.commands.print_page import print_page

    print_text(f"{print_page(run, full=full, sections=names_in(sections))}")


def diff(run: FinishedRun, other: FinishedRun) -> None:
    """Say what differs between two runs.

    Settings, data, code, packages, figures, and the first day of wealth.
    """
    with starting():
        from desk.commands.run_differences import diff_text

    print_text(diff_text(run, other))


def repeat_run(
    run: FinishedRun,
    file: Path | None = option("The portfolio file, where it is not where it was."),
    retrain: Retrain = False,
) -> None:
    """Make RUN again and compare all its files. Exit status 1 where a byte differs."""
    with starting():
        from desk.commands.replay import replay_run as made_again

    found = made_again(run, file, retrain, trusted())
    tell(found.text, not found.same)
