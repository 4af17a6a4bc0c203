"""The risk sheet of a portfolio file's holdings, in a folder of its own, made whole or not at all."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from backtests.runs.folder import reports_folder, staged
from backtests.runs.origin import identity
from backtests.sheets.pages.risk_sheet import risk_text, write_risk_sheet
from backtests.today.holdings_risk import holdings_risk
from backtests.today.risk_paths import PATHS
from desk.commands.made import Made, age_text, file_fact, finish_run, run_for
from desk.commands.orders.trades import newest_run, refit, scheduled_rule
from foundation.files import writing
from foundation.progress import bar
from research.accounting import Policy
from research.learning import Learned
from research.portfolio import Portfolio, load_portfolio
from research.rules import Never, TunedThreshold
from research.rules.protocol import traits


def make_risk(
    file: Path,
    reports: Path | None = None,
    paths: int = PATHS,
    fitted_among: Path | None = None,
    trust_code: bool | None = None,
) -> Made:
    """Measure the risk of a portfolio's holdings at its last close, and write the sheet into a run of its own.

    file         : portfolio file.
    reports      : folder of the runs, or None for `reports_folder`.
    paths        : number of futures of the first law; each other law has a quarter of them.
    fitted_among : folder of runs, one of which fitted the active policy, or None for `reports`.
    trust_code   : true if the file may name rules by import path, as for `load_portfolio`.
    Raises       : ConfigError and DataError as `load_portfolio` and `holdings_risk` do.
    """
    started = datetime.now(UTC)
    with bar(None, "reading prices") as progress:
        portfolio = load_portfolio(file, trust_code=trust_code)
        reports = reports or reports_folder(portfolio.file)
        policies, notes, fitted = ready_policies(portfolio, fitted_among or reports)
        settings = {"portfolio": portfolio.settings, "paths": paths, "fitted": fitted}
        run = run_for("risk", portfolio, settings)
        final = reports / run.name
        with writing(final), staged(final) as folder:
            progress.stage("measuring risk")
            risk = holdings_risk(portfolio, policies, paths=paths, notes=notes)
            progress.stage("drawing the sheet")
            write_risk_sheet(folder, risk, identity(run))
            text = risk_text(risk)
            finish_run(folder, run, started, text, {"file": file_fact(portfolio)})
    age = age_text(portfolio.date.date(), started.date(), "this is the risk")
    return Made(final, f"{text}\n{age}\n{final}")


def ready_policies(portfolio: Portfolio, reports: Path) -> tuple[dict[str, Policy], list[str], str]:
    """Holding and the active policy, by name; notes on them; and the run that fitted the policy.

    Holding comes first: the sheet is about the risk of what is held today.
    """
    found, notes, run = fitted_policies(portfolio, [portfolio.policy] if portfolio.policy else [], reports)
    never = next((n for n, spec in portfolio.policies.items() if traits(spec).family == "never"), "as held")
    return {never: Never(portfolio.strategic)} | found, notes, run


def fitted_policies(
    portfolio: Portfolio, names: Sequence[str], reports: Path
) -> tuple[dict[str, Policy], list[str], str]:
    """Policies of a portfolio by name, ready to decide; notes on those left out; and the run that fitted some, or "".

    A tuned or learned policy is taken as the newest full report of the same file and data fitted it; without one it is
    left out.
    """
    found: dict[str, Policy] = {}
    notes, run = [], ""
    for name in names:
        spec = portfolio.policies[name]
        if not isinstance(spec, TunedThreshold | Learned):
            found[name] = scheduled_rule(portfolio, name)
        elif (newest := newest_run(portfolio, reports)) is not None and name in newest[1]["fitted"]:
            run = newest[1]["run"]
            found[name] = refit(spec, newest[1]["fitted"][name], newest[0] / "policies" / name)
        else:
            whose = "The active policy" if name == portfolio.policy else "Policy"
            notes.append(
                f"{whose} {name} must be fitted first, and there is no completed full run of the same file "
                f"and data: it is not played on from today. Run: rebalance report {portfolio.file}"
            )
    return found, notes, run
