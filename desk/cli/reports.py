"""`rebalance report`, `tour`, `batch` and `backtest`: the policies of portfolio files, compared by their past."""

from functools import partial
from pathlib import Path
from textwrap import fill

from backtests.runs.notebook import COMPARING, SET_BY_REPORT
from backtests.runs.parameters import declared
from desk.cli.options import (
    ALL,
    File,
    Print,
    Retrain,
    Workers,
    argument,
    kept,
    option,
    sections_of,
    starting,
    trusted,
    workers_of,
)
from desk.commands.terminal import print_text, tell
from foundation.errors import ConfigError


def parameters_text() -> str:
    """The parameters of a report with their explanations in the notebook."""
    if not COMPARING.exists():  # not in a checkout
        return ""
    known = {name: parameter for name, parameter in declared(COMPARING).items() if name not in SET_BY_REPORT}
    lines = [
        fill(f"  {name:<10} {parameter.meaning}", 76, subsequent_indent=" " * 13) for name, parameter in known.items()
    ]
    return "\n".join(["\b", "Parameters of the notebook:", *lines, "", ""])  # \b: keep the line breaks


def report(
    file: File,
    parameter: list[str] | None = option(
        "A parameter of the notebook, as name=value; may be repeated.", "--parameter", "-p"
    ),
    retrain: Retrain = False,
    pdf: Print = "",
) -> None:
    """Compare all policies of FILE, and recommend one with evidence.

    Tearsheet, trade list and results go into the folder of one run, which is the same with --pdf and without.
    `runs show RUN --png DIR` draws its pictures as PNG.
    """
    with starting(file):
        from backtests.sheets.sections.sections import SECTION_NAMES
        from desk.commands.print_page import print_page
        from desk.commands.report import make_report
        from foundation.arguments import one_of
        from foundation.files import ROOT
        from foundation.home import HOME, stated_folder

    for name in sections_of(pdf):
        one_of("section", name, SECTION_NAMES)  # before the work
    made = make_report(file, parameter or (), retrain=retrain, trust_code=trusted())
    print_text(made.text)
    if made.folder.is_relative_to(ROOT) and not (stated_folder(HOME) or Path.cwd().is_relative_to(ROOT)):
        print_text("That is the workbench's own folder, as FILE is; `rebalance --home DIR report …` keeps runs in DIR.")
    if pdf:
        print_text(f"{print_page(made.folder, full=pdf.strip() == ALL, sections=sections_of(pdf))}")


def adopt_policy(file: File) -> None:
    """Write the policy that the newest report recommends into FILE.

    Comments and order stay. Where file or prices changed since the report, or it
    says keep, nothing is written.
    """
    with starting(file):
        from desk.commands.portfolio_file.adopt import adopt_recommendation

    print_text(adopt_recommendation(file, trusted()))


def tour() -> None:
    """Make a report of an embedded portfolio, and say what to look at.

    In about a minute, with no network and no file of yours.
    """
    with starting():
        from desk.commands.report import TOUR, ask_report, kept_or_made, tour_text
        from foundation.paper.text_tables import wrapped

    asked = ask_report(TOUR)
    print_text(
        wrapped(
            f"The workbench's {TOUR.name} has two funds and six rules of when to rebalance them. Each is backtested "
            "on embedded prices and compared with the others, in about a minute, without a network. All goes into"
        )
    )
    print_text(f"  {asked.final}\n")
    print_text(tour_text(kept_or_made(asked).folder))


def batch(
    files: list[Path] = argument("Portfolio files, files of accounts (.csv), or one that says what to run."),
    parameter: list[str] | None = option(
        "A parameter of all runs, as name=value; may be repeated.", "--parameter", "-p"
    ),
    grid: list[str] | None = option("A parameter that varies, as name=v1,v2; may be repeated."),
    notebook: str | None = option(f"Name of the notebook that is executed. [default: {COMPARING.stem}]"),
    name: str | None = option("Name of the batch's folder beside its runs. [default: batch]"),
    workers: Workers = None,
    if_changed: bool = option("Leave alone what has the data, settings and code of the last batch."),
    retrain: Retrain = False,
) -> None:
    """Make reports of many files or parameters, and a page of all.

    Each of FILES is run with each combination of parameters; clients of one model share one comparison. A finished
    run is not made again, so that an interrupted batch resumes. Exit status 1 if a run failed.
    """
    with starting():
        from desk.commands.batch import make_batch, plan_of

    count, cluster = (None, "") if workers is None else workers_of(workers)
    with kept("runs"):
        plan = plan_of(files, parameter or (), grid or (), notebook=notebook, name=name, workers=count, cluster=cluster)
        made = make_batch(plan, retrain=retrain, if_changed=if_changed, trust_code=trusted())
    tell(made.text, made.failed)


def backtest(
    file: File,
    policy: str = option("Name of a policy of FILE.", default=...),
    sheet: bool = option("Also write its own tearsheet, sheet.html."),
    retrain: Retrain = False,
    workers: str | None = option(
        "Address of a Dask scheduler, such as tls://127.0.0.1:8786. [default: all of this machine]", metavar="ADDRESS"
    ),
) -> None:
    """Backtest one policy of FILE, and write its results.

    The seeds of a learned one are trained side by side, by workers of this machine or a cluster.
    """
    with starting(file):
        from backtests.comparison.fitting.candidates import fit
        from desk.commands.report import make_backtest

    if workers is not None and ":" not in workers:
        raise ConfigError(
            f"--workers is {workers or 'empty'}: give the address of a scheduler, or leave the option out."
        )
    fitting = partial(fit, retrain=retrain, cluster=workers or "")
    print_text(make_backtest(file, policy, fit=fitting, sheet=sheet, trust_code=trusted()).text)
