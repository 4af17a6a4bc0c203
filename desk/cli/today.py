"""`rebalance risk`, `allocate` and `forecast`: what a portfolio file says of today."""

from typing import Annotated

import typer

from backtests.today.risk_paths import PATHS, PLAN_PATHS
from desk.cli.options import File, PastDay, PolicyName, option, starting, trusted
from desk.commands.terminal import print_text

Full = Annotated[bool, typer.Option("--full", help="Print all tables too, not only the first lines.")]


def write_risk(
    file: File, paths: int = option("Simulated futures of a year; of each law but the first, a quarter.", default=PATHS)
) -> None:
    """Write the risk sheet of today's holdings of FILE.

    Exposures, losses, contributions, drift, and a year from today.
    """
    with starting(file):
        from desk.commands.today.risk import make_risk

    print_text(make_risk(file, paths=paths, trust_code=trusted()).text)


def plan(file: File, paths: int = option("Simulated futures of all years.", default=PLAN_PATHS)) -> None:
    """Say how likely the plan of FILE fails, and what may be spent.

    Savings, withdrawals, taxes and costs of each policy, over all the years of the key `plan`.
    """
    with starting(file):
        from desk.commands.today.plan import make_plan

    print_text(make_plan(file, None, paths, trust_code=trusted()).text)


def allocate(
    file: File,
    as_of: PastDay = None,
    policy: PolicyName = None,
    sensitivity: bool = option("Also say which mean, volatility or correlation moves which weight."),
    full: Full = False,
) -> None:
    """Say what FILE should hold today, and why.

    A page shows weights held, the target and simple controls, risk and reasons.
    """
    with starting(file):
        from desk.commands.today.allocate import make_allocate

    print_text(make_allocate(file, None, as_of, policy, sensitivity, trusted(), full).text)


def forecast(
    file: File,
    as_of: PastDay = None,
    worth: bool = option("Backtest the portfolio with and without each forecast, and placebos."),
    full: Full = False,
) -> None:
    """Say whether to use FILE's forecasts, and why.

    A page shows what they expect, their skill and what came; they are entered into the forecast book.
    """
    with starting(file):
        from desk.commands.today.forecast import make_forecast

    print_text(make_forecast(file, None, as_of, worth, trusted(), full).text)
