"""The facts of every run that a command makes: its name, the path of its file, and the text for the terminal."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from backtests.runs.folder import ROOT, Run
from research.portfolio import Portfolio

WEEKEND = 5  # days: older prices are not of the last session


@dataclass(frozen=True)
class Made:
    """A run that was made: its folder, and the text for the terminal."""

    folder: Path
    text: str


def run_for(kind: str, portfolio: Portfolio, settings: Mapping[str, Any]) -> Run:
    """The run of one kind on a portfolio's file, data and these settings."""
    return Run(kind, Path(portfolio.file).stem, f"{portfolio.date:%Y-%m-%d}", settings, portfolio.market.fingerprint)


def file_fact(portfolio: Portfolio) -> str:
    """The path of the portfolio file from the workbench's folder, for the manifest of a run that is made again."""
    return Path(os.path.relpath(portfolio.file, ROOT)).as_posix()


def age_text(last: date, today: date, what: str) -> str:
    """A line on prices that are older than a long weekend, else "".

    last  : day of the last close.
    today : day of the run.
    what  : subject and verb of "… of that day", such as "the trades are those".
    """
    days = (today - last).days
    return f"\nPrices end on {last}, {days:,} days ago: {what} of that day.\n" if days > WEEKEND else ""
