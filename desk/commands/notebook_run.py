"""A run of any notebook that reads a portfolio file: the executed notebook, and the answer with which it ends."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from backtests.runs.folder import Run, reports_folder, staged
from backtests.runs.notebook import execute_notebook
from backtests.runs.parameters import Plain, parameters_of
from backtests.runs.values import answer_in
from desk.commands.made import Made, file_fact, finish_run, run_for
from foundation.errors import ConfigError
from foundation.files import writing
from foundation.paper.formats import plain_json
from research.portfolio import Portfolio, load_portfolio

PORTFOLIO = "portfolio"  # the parameter that the command sets


def check_reads_portfolio(notebook: Path) -> None:
    """Raise ConfigError for a notebook that has no portfolio among its parameters."""
    if PORTFOLIO not in parameters_of(notebook):
        raise ConfigError(f"{notebook.name} has no parameter {PORTFOLIO}: name a notebook that reads a portfolio file.")


def ask_notebook(
    notebook: Path, file: Path, given: Mapping[str, Plain], trust_code: bool | None = None
) -> tuple[Portfolio, Run]:
    """The portfolio that a notebook will read, and the run that it will be.

    notebook   : path of the notebook.
    file       : portfolio file.
    given      : other parameters of the notebook, checked.
    trust_code : true if the file may name rules by import path, as for `load_portfolio`.
    Raises     : ConfigError as `load_portfolio` and `check_reads_portfolio` do.
    """
    check_reads_portfolio(notebook)
    portfolio = load_portfolio(file, trust_code=trust_code)
    chosen = {name: value for name, value in (parameters_of(notebook) | dict(given)).items() if name != PORTFOLIO}
    settings = {"notebook": notebook.stem, "parameters": chosen, "portfolio": portfolio.settings}
    return portfolio, run_for("notebook", portfolio, plain_json(settings))


def made_notebook(
    notebook: Path, asked: tuple[Portfolio, Run], given: Mapping[str, Plain], reports: Path | None = None
) -> Made:
    """A run of a notebook that was asked for, made.

    notebook : path of the notebook.
    asked    : result of `ask_notebook`.
    given    : other parameters of the notebook.
    reports  : folder of the runs, or None for `reports_folder`.
    Raises   : DataError as `execute_notebook` does.
    """
    (portfolio, run), started = asked, datetime.now(UTC)
    final = (reports or reports_folder(portfolio.file)) / run.name
    with writing(final), staged(final) as folder:
        where = os.path.relpath(portfolio.file, notebook.parent)
        execute_notebook(notebook, folder / notebook.name, {**given, PORTFOLIO: where}, trust_code=portfolio.trust_code)
        text = answer_in(json.loads((folder / notebook.name).read_text(encoding="utf-8")))
        finish_run(folder, run, started, text, {"file": file_fact(portfolio)})
    return Made(final, f"{text}\n\n{final}")
