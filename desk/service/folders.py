"""The folders in that of a tenant."""

from pathlib import Path

PORTFOLIOS, TICKETS = "portfolios", "tickets"
STORES_OF_TENANT = "prices"
RUNS, JOBS, TRIALS = "reports", "jobs", "trials"  # of runs; of the files of cycles, by job; of what training has tried


def from_root(root: Path, text: str) -> str:
    """A text in which paths begin at the folder of the tenant.  root : that folder."""
    return text.replace(f"{root}/", "")
