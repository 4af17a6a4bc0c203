"""Printing the page of a run as PDF, beside it, by Chromium, Chrome or Edge, and drawing its pictures as PNG files.

The PDF is what the browser's own print dialog gives. Header, page numbers and breaks come from the page's own style.
"""

import os
import re
import subprocess
from collections.abc import Collection
from pathlib import Path

from backtests.runs.folder import found_at
from backtests.runs.manifest import read_manifest
from backtests.runs.verify import verify
from desk.commands.finished_run import page_of_run
from foundation.arguments import one_of, refuse
from foundation.errors import ConfigError, DataError
from foundation.files import work_folder, write_whole, writing
from foundation.paper.browser import browser
from foundation.paper.files import PICTURES, png_file
from foundation.paper.wording import counted
from foundation.progress import bar

SECTION = re.compile(r'<[^>]* data-section="(\w+)"')  # of a page: the element of a section with its name
SECONDS = 120  # after which a browser that does not end is stopped
BROWSER_OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-pdf-header-footer",  # of the browser, with the path of the file
    "--generate-pdf-document-outline",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # nothing is fetched
)


def print_page(run: Path, *, full: bool = False, sections: Collection[str] = ()) -> Path:
    """Print the page of a run, or one page by its path, into a PDF of the same name beside it; gives its path.

    run      : folder of a run, or path of an HTML page such as a policy's card.
    full     : true to print all that is folded on the page, too.
    sections : names of the sections to print, whole; none for the page as it opens.
    Raises   : DataError for what is no run, for one without a page, and where the browser prints nothing; ConfigError
               for a section that the page does not have, and where there is no browser.
    """
    page = run if run.is_file() else _sheet(found_at(run))
    if page.suffix != ".html":
        raise ConfigError(f"{page} is no page: give the folder of a run, or a file that ends with .html.")
    pdf = page.with_suffix(".pdf")
    with bar(None, "printing"), work_folder() as place:
        if full or sections:
            opened = place / page.name
            opened.write_text(unfolded(page.read_text(encoding="utf-8"), sections), encoding="utf-8")
            page = opened
        write_pdf(page, pdf)
    return pdf


def unfolded(page: str, sections: Collection[str] = ()) -> str:
    """A page with everything open that is folded on it.

    page     : HTML.
    sections : names of the sections that it keeps; none for all.
    Raises   : ConfigError for one that it does not have.

    >>> print(unfolded('<details data-section="a"></details><section data-section="b"></section>', ["a"]))
    <details open data-section="a"></details><section data-section="b" hidden></section>
    """
    for name in sections:
        one_of("section", name, SECTION.findall(page))
    if sections:
        page = SECTION.sub(lambda found: found[0] + ("" if found[1] in sections else " hidden"), page)
    return page.replace("<details", "<details open")


def _sheet(folder: Path) -> Path:
    """The page of a run. Raises DataError where it has none."""
    read_manifest(folder)
    if (page := page_of_run(folder)) is None:
        raise DataError(
            f"{folder} has no page to print. Reports, risk sheets, sweeps and laboratories have one, and backtests "
            "that were made with --sheet."
        )
    return page


def write_pngs(run: Path, place: Path) -> str:
    """Draw each picture of a run as a PNG file of its name, and say where; the run stays as it was.

    run    : folder of the run.
    place  : folder of the PNG files, outside the run; made where it does not exist.
    Raises : DataError for what is no finished run, a run that was changed, or one without pictures; ConfigError for a
             place within the run.
    """
    found = verify(run)
    if place.resolve().is_relative_to(found.folder.resolve()):
        refuse("--png is", str(place), "give a folder outside the run, which stays as it was.")
    if found.changed:
        raise DataError(f"{found.folder} was changed after it was made, so no picture was drawn. Make the run again.")
    drawn = sorted((found.folder / PICTURES).glob("*.svg"))
    if not drawn:
        raise DataError(f"{found.folder} has no pictures in {PICTURES}/. Reports and other runs with a page have them.")
    with writing(place), bar(len(drawn), "drawing PNG files") as progress:
        place.mkdir(parents=True, exist_ok=True)
        for svg in drawn:
            write_whole(place / f"{svg.stem}.png", png_file(svg.read_text(encoding="utf-8")))
            progress.update()
    return f"Drawn into {place}: {counted(len(drawn), 'PNG file')}."


def write_pdf(page: Path, pdf: Path) -> None:
    """Print a page into a PDF file, whole or not at all.

    page   : HTML file.
    pdf    : path of the PDF, in a folder that exists; what is there is replaced.
    Raises : ConfigError as `browser` does; DataError where the browser prints nothing.
    """
    program = browser()
    with work_folder() as place, writing(pdf):
        made = place / "page.pdf"
        command = [program, *BROWSER_OPTIONS, f"--user-data-dir={place}/profile", f"--print-to-pdf={made}"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--no-sandbox")  # Chromium refuses to run as root with one
        try:
            said = subprocess.run(
                [*command, page.resolve().as_uri()], capture_output=True, text=True, timeout=SECONDS, check=False
            ).stderr
        except subprocess.TimeoutExpired as error:
            raise DataError(f"{program} did not print {page} within {SECONDS} s. Print it from a browser.") from error
        if not made.exists() or not made.read_bytes().startswith(b"%PDF"):
            last = (said.strip().splitlines() or ["it said nothing"])[-1]
            raise DataError(f"{program} did not print {page}: {last}. Print it from a browser.")
        write_whole(pdf, made.read_bytes())
