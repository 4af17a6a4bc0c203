"""The templates of sheets, filled; and a page of a run written with its numbers and pictures."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from backtests.sheets.parts import sheet_pictures
from backtests.sheets.tables import Block
from foundation.files import write_whole
from foundation.paper.files import picture_records, write_pictures
from foundation.paper.formats import json_text
from foundation.paper.render import Running, fill_template

render = partial(fill_template, "backtests.sheets")


def write_report(folder: Path, name: str, sheet: Block, numbers: Mapping[str, Any], paper: Running) -> None:
    """Write <name>.html, <name>.json, and for each picture figures/<name>.csv and .svg.

    folder  : an existing folder.
    sheet   : blocks of the page, for `report.html.j2`.
    numbers : those of the page as plain values.
    paper   : text on each printed page.
    """
    pictures = sheet_pictures(sheet)
    write_pictures(folder, pictures)
    write_whole(folder / f"{name}.json", json_text({**numbers, "figures": picture_records(pictures)}))
    write_whole(folder / f"{name}.html", render("report.html.j2", paper, sheet=sheet, script=True))
