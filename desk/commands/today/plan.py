"""The page of a plan of a portfolio file, in a folder of its own, made whole or not at all."""

from datetime import UTC, datetime
from pathlib import Path

from backtests.runs.folder import reports_folder, staged
from backtests.runs.origin import identity
from backtests.sheets.pages.plan_sheet import plan_text, write_plan_sheet
from backtests.today.plan import life_of_plan
from desk.commands.made import Made, age_text, file_fact, finish_run, run_for
from desk.commands.today.risk import fitted_policies
from foundation.errors import ConfigError
from foundation.files import writing
from foundation.progress import bar
from research.portfolio import load_portfolio


def make_plan(
    file: Path, reports: Path | None, paths: int, fitted_among: Path | None = None, trust_code: bool | None = None
) -> Made:
    """Play the policies of a file through its plan, and write the page into a run of its own.

    Arguments as of `make_risk`; `paths` is the number of futures.
    Raises : ConfigError for a file without a plan; ConfigError and DataError as `load_portfolio` and `life_of_plan` do.
    """
    started = datetime.now(UTC)
    with bar(None, "reading prices") as progress:
        portfolio = load_portfolio(file, trust_code=trust_code)
        if portfolio.plan is None:
            raise ConfigError(
                f"{portfolio.file} has no plan: add the key `plan:`, as data/examples/plan_of_a_life.yaml has it."
            )
        reports = reports or reports_folder(portfolio.file)
        first = portfolio.policy or portfolio.reference
        names = [first, *(name for name in portfolio.policies if name != first)]
        policies, notes, fitted = fitted_policies(portfolio, names, fitted_among or reports)
        run = run_for("plan", portfolio, {"portfolio": portfolio.settings, "paths": paths, "fitted": fitted})
        final = reports / run.name
        with writing(final), staged(final) as folder:
            progress.stage("playing the plan")
            life = life_of_plan(portfolio, portfolio.plan, policies, paths=paths)
            progress.stage("drawing the page")
            write_plan_sheet(folder, life, identity(run), notes)
            text = plan_text(life, notes)
            finish_run(folder, run, started, text, {"file": file_fact(portfolio)})
    age = age_text(portfolio.date.date(), started.date(), "the plan begins at the closes")
    return Made(final, f"{text}\n{age}\n{final}")
