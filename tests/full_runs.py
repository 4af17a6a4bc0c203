"""A whole run of a portfolio file without the time that a report takes."""

from datetime import UTC, datetime
from pathlib import Path

from backtests.comparison.comparison import FULL_RUN, settings_of_report
from backtests.runs.folder import MANIFEST, write_json
from backtests.runs.manifest import sign
from desk.commands.made import run_for
from foundation.paper.formats import plain_json
from research.portfolio import Portfolio


def full_run(portfolio: Portfolio, reports: Path, **facts: object) -> Path:
    """A signed run with the settings of a full report, and these facts of its result."""
    run = run_for("report", portfolio, plain_json(settings_of_report(portfolio, portfolio.reference, **FULL_RUN)))
    (reports / run.name).mkdir(parents=True)
    write_json(reports / run.name / MANIFEST, run.manifest(**facts))
    sign(reports / run.name, datetime.now(UTC))
    return reports / run.name
