"""`rebalance risk`, `allocate` and `forecast`: what a portfolio file says of today."""

from typing import Annotated

import typer

from backtests.today.risk_paths import PATHS
from desk.cli.options import File, KnownOn, PastDay, PolicyName, Reports, TrustCode, starting
from desk.commands.terminal import print_text
from foundation.progress import bar


def risk(
    file: File,
    paths: Annotated[
        int, typer.Option(help="Simulated futures of a year; of each law but the first, a quarter.")
    ] = PATHS,
    as_known_on: KnownOn = None,
    trust_code: TrustCode = None,
    reports: Reports = None,
) -> None:
    """Write the risk sheet of today's holdings of FILE.

    Exposures, losses, contributions, drift, and a year from today.
    """
    with starting():
        from desk.commands.risk import make_risk

    print_text(make_risk(file, reports, paths, trust_code=trust_code).text)


def allocate(
    file: File,
    as_of: PastDay = None,
    policy: PolicyName = None,
    sensitivity: Annotated[
        bool, typer.Option("--sensitivity", help="Also say which mean, volatility or correlation moves which weight.")
    ] = False,
    trust_code: TrustCode = None,
) -> None:
    """Print the target weights of FILE's policies, and why.

    Beside them stand the weights held, and simple controls.
    """
    with starting():
        from backtests.today.targets_today import targets_today
        from research.portfolio import load_portfolio

    with bar(None, "reading prices") as progress:
        portfolio = load_portfolio(file, trust_code=trust_code)
        progress.stage("computing targets")
        text = repr(targets_today(portfolio, as_of, None if policy is None else [policy], sensitivity))
    print_text(text)


def forecast(
    file: File,
    as_of: PastDay = None,
    worth: Annotated[
        bool, typer.Option("--worth", help="Backtest the portfolio with and without each forecast.")
    ] = False,
    trust_code: TrustCode = None,
) -> None:
    """Print what FILE's forecasts expect, with their past skill.

    What they expect is entered into the forecast book.
    """
    with starting():
        from desk.commands.forecast import make_forecast

    print_text(make_forecast(file, as_of, worth, trust_code))
