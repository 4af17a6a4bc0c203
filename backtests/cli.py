"""The command line: `rebalance report | backtest | trades | sweep FILE | laboratory`.

Each imports what is heavy when it runs.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from research.errors import ConfigError, DataError, PolicyError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich takes as long to import as all the rest
    help="When, how far and toward what to rebalance a portfolio, and how sure we are.",
)
File = Annotated[Path, typer.Argument(help="A portfolio file, such as data/portfolios/global_multi_asset.yaml.")]
Reports = Annotated[
    Path | None, typer.Option(help="Folder that holds the runs. [default: reports/]", show_default=False)
]


@app.command()
def report(
    file: File,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", help="A parameter of the notebook, as name=value; may be repeated."),
    ] = None,
    reports: Reports = None,
) -> None:
    """Compare all candidates of FILE, and write tearsheet, trade list and results as one run."""
    from backtests.report import make_report

    made = make_report(file, parameter or (), reports)
    typer.echo(made.text)


@app.command()
def backtest(
    file: File,
    policy: Annotated[str, typer.Option(help="Name of a candidate of FILE.")],
    reports: Reports = None,
) -> None:
    """Play one policy of FILE through its test, print its summary, and write its results."""
    from backtests.report import make_backtest

    made = make_backtest(file, policy, reports)
    typer.echo(made.text)


@app.command()
def trades(
    file: File,
    csv: Annotated[Path | None, typer.Option(help="Write the list here as CSV besides.")] = None,
    reports: Reports = None,
) -> None:
    """Print today's trade list of FILE: by its `policy`, else by the recommendation of its newest whole run."""
    from backtests.report import trades_now
    from research.portfolio import load_portfolio

    listed = trades_now(load_portfolio(file), reports=reports)
    typer.echo(repr(listed))
    if csv is not None:
        listed.to_csv(csv)
        typer.echo(f"Written to {csv}.")


@app.command()
def sweep(
    file: Annotated[Path, typer.Argument(help="A sweep file, such as data/sweeps/thresholds.yaml.")],
    workers: Annotated[int, typer.Option(help="Workers on this machine.")] = 1,
    cluster: Annotated[str, typer.Option(help="Address of a Dask scheduler, such as tcp://10.0.0.1:8786.")] = "",
    reports: Reports = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew, whatever an earlier sweep of FILE left.")] = False,
) -> None:
    """Play every configuration of FILE, and write their figures as one run; a killed sweep goes on where it was."""
    from backtests.sweeps.make import make_sweep

    try:
        made = make_sweep(file, workers=workers, cluster=cluster, reports=reports, fresh=fresh)
    except KeyboardInterrupt:
        typer.secho(
            "Interrupted; finished chunks are kept, and the same command goes on.", fg=typer.colors.RED, err=True
        )
        sys.exit(130)
    typer.echo(made.text)


@app.command()
def laboratory(
    paths: Annotated[int, typer.Option(help="Simulated paths of ten years.")] = 1_000,
    seed: Annotated[int, typer.Option(help="Of the paths; rules are tuned on those of the next.")] = 1,
    workers: Annotated[int, typer.Option(help="Threads.")] = 1,
    reports: Reports = None,
) -> None:
    """Play every rule in a market whose best policy is known, and write how far each is above it as one run."""
    from backtests.laboratory_run import make_laboratory

    made = make_laboratory(paths=paths, seed=seed, workers=workers, reports=reports)
    typer.echo(made.text)


def main() -> None:
    """Run the command line; what is wrong with the input is said in a sentence, without a traceback."""
    try:
        app()
    except (ConfigError, DataError, PolicyError) as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        sys.exit(2)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        typer.secho(f"{error.strerror}{where}. Give a path that can be read or written.", fg=typer.colors.RED, err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.secho("Interrupted; nothing was kept.", fg=typer.colors.RED, err=True)
        sys.exit(130)
