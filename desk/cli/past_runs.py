"""`rebalance runs`, alone or with show or replay; `research trials`: what they tried."""

from pathlib import Path

import typer

from desk.cli.command_types import is_alone
from desk.cli.options import ALL, Print, Retrain, argument, option, sections_of, starting, trusted
from desk.commands.terminal import print_text, tell
from foundation.errors import ConfigError
from foundation.progress import bar


def list_runs(
    context: typer.Context,
    sort: str = option("Order by time, or by a column such as loss; -loss has the largest first.", default="time"),
    where: list[str] | None = option(
        "Only runs of which this holds, such as kind=report, portfolio=sixty_forty, 'made>=2026-01-31' or 'loss<2'; "
        "may be repeated.",
        metavar="TEST",
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

    print_text(runs_text(wanted=WantedRuns(sort, where or ()), as_json=as_json))


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
    run: Path = argument("Folder or name of a run, or its beginning; for --pdf also a page such as card.html."),
    other: Path | None = argument("Another run: say what differs between the two.", default=None),
    verify: bool = option("Say whether RUN is what it was when it was made; exit status 1 if it is not."),
    note: str | None = option("Note this line on RUN, which the list of runs shows; an empty one takes it away."),
    pdf: Print = "",
    png: Path | None = option("Also draw each picture of RUN as PNG into this folder."),
) -> None:
    """Print again what RUN printed, and where its sheet is.

    Or do instead what an option says. Of two runs: settings, data, code, packages, figures, and the first day of
    wealth that differ. A PDF and a note stand beside a run, which stays what it was.
    """
    instead = {"OTHER": other, "--verify": verify, "--note": note is not None, "--pdf": pdf}
    if len(asked := [name for name, given in (instead | {"--png": png}).items() if given]) > 1:
        raise ConfigError(f"{' and '.join(asked)} exclude each other: give one of them.")
    if other is not None:
        with starting():
            from desk.commands.run_differences import diff_text

        return print_text(diff_text(run, other))
    if verify:
        with starting():
            from backtests.runs.verify import verify as verified

        found = verified(run)
        return tell(repr(found), found.changed)
    if pdf:
        with starting():
            from desk.commands.print_page import print_page

        return print_text(f"{print_page(run, full=pdf.strip() == ALL, sections=sections_of(pdf))}")
    with starting():
        from desk.commands.finished_run import note_run, show_text

    if note is not None:
        return print_text(note_run(run, note))
    print_text(show_text(run))
    if png is not None:
        with starting():
            from desk.commands.print_page import write_pngs

        print_text(write_pngs(run, png))


def repeat_run(
    run: Path = argument("Folder or name of a run, or the beginning of its name."),
    file: Path | None = option("The portfolio file, where it is not where it was."),
    retrain: Retrain = False,
) -> None:
    """Make RUN again and compare all its files. Exit status 1 where a byte differs."""
    with starting():
        from desk.commands.replay import replay_run as made_again

    found = made_again(run, file, retrain, trusted())
    tell(found.text, not found.same)
