"""The files in which the records of cycles are kept."""

from pathlib import Path

from desk.journal.records import CycleRun
from foundation.home import home_folder

ID = 8  # letters of the sha256 of a record by which it is named
CYCLES = "cycles"  # folder of the records and of the tickets that are sent, within that of the journal


def kept_path(portfolio: str, cycle: CycleRun) -> Path:
    """The file that keeps the record of a cycle.  portfolio : its name."""
    return home_folder() / CYCLES / portfolio / f"{cycle.session}-{cycle.sha256[:ID]}.json"
