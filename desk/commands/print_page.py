"""Printing the page of a run as PDF, beside it."""

from pathlib import Path

from backtests.runs.folder import found_at
from backtests.runs.manifest import read_manifest
from desk.commands.past_runs import SHEETS
from foundation.errors import ConfigError, DataError
from foundation.paper.pdf import write_pdf
from foundation.progress import bar


def print_page(run: Path) -> Path:
    """Print the page of a run, or one page by its path, into a PDF of the same name beside it; gives its path.

    run    : folder of a run, or path of an HTML page such as a policy's card.
    Raises : DataError for what is no run, for one without a page, and where the browser prints nothing; ConfigError
             where no Chromium is found.
    """
    page = run if run.is_file() else _sheet(found_at(run))
    if page.suffix != ".html":
        raise ConfigError(f"{page} is no page: give the folder of a run, or a file that ends with .html.")
    pdf = page.with_suffix(".pdf")
    with bar(None, "printing"):
        write_pdf(page, pdf)
    return pdf


def _sheet(folder: Path) -> Path:
    """The page of a run. Raises DataError where it has none."""
    read_manifest(folder)
    for name in SHEETS:
        if (folder / name).exists():
            return folder / name
    raise DataError(
        f"{folder} has no page to print. Reports, risk sheets, sweeps and laboratories have one, and backtests that "
        "were made with --sheet."
    )
