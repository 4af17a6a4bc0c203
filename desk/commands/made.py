"""The parts that all runs of commands share: name, path of the file, end, and text for the terminal."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from backtests.runs.folder import MANIFEST, SUMMARY_FILE, Run, path_sent, write_json
from backtests.runs.manifest import sign
from desk.journal import journal_head
from foundation.dataclasses import asdict, dataclass
from foundation.files import write_whole
from foundation.paper.formats import plain_json
from foundation.printable import printable
from research.portfolio import Portfolio

WEEKEND = 5  # days: older prices are not of the last session


@dataclass(frozen=True)
class Made:
    """The result of a command: its folder, the text for the terminal, and how many of its runs failed."""

    folder: Path
    text: str
    failed: int = 0


def run_for(kind: str, portfolio: Portfolio, settings: Mapping[str, Any], day: date | None = None) -> Run:
    """The run of one kind on a portfolio's file, data and these settings, as of a day; None for the file's last."""
    last = f"{day or portfolio.date:%Y-%m-%d}"
    return Run(kind, Path(portfolio.file).stem, last, settings, portfolio.market.fingerprint)


def write_summary(folder: Path, run: Run, text: str, facts: Mapping[str, Any]) -> None:
    """Write the text of the terminal, and the manifest with facts of the result, into the folder of a run.

    The manifest also states the head of the journal, where there is one.
    """
    write_whole(folder / SUMMARY_FILE, printable(f"{text}\n"))
    head = journal_head()
    known = facts if head is None else {**facts, "journal": asdict(head)}
    write_json(folder / MANIFEST, run.manifest(**plain_json(known)))


def finish_run(folder: Path, run: Run, started: datetime, text: str, facts: Mapping[str, Any]) -> None:
    """Write a run's summary and manifest, and sign it: what comes last. started : time at which the run began."""
    write_summary(folder, run, text, facts)
    sign(folder, started)


def file_fact(portfolio: Portfolio) -> str:
    """The path of the portfolio file, for the manifest of a run that is made again, as `path_sent` gives it."""
    return path_sent(Path(portfolio.file)).as_posix()


def age_text(last: date, today: date, what: str) -> str:
    """A line on prices that are older than a long weekend, else "".

    last  : day of the last close.
    today : day of the run.
    what  : subject and verb of "… of that day", such as "the trades are those".
    """
    days = (today - last).days
    return f"\nPrices end on {last}, {days:,} days ago: {what} of that day.\n" if days > WEEKEND else ""
