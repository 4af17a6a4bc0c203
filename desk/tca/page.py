"""The report on what orders cost, as one page without any URL."""

from collections.abc import Iterator

from backtests.sheets.parts import Part, Words, section_blocks
from backtests.sheets.tables import Block, table
from desk.tca.pictures import assets_picture, parts_picture
from desk.tca.report import DELAYS, PART_MEANINGS, Report, WordsTable
from foundation.errors import DataError
from foundation.paper.picture import Picture
from foundation.paper.render import PAPER_PACKAGE, Running, fill_template

TCA_TITLES = {
    "parts": "Cost by part",
    "costs": "Realised costs and those of the file",
    "orders": "Orders with the highest costs",
}


def report_html(report: Report) -> str:
    """The whole page."""
    title = "What orders cost"
    sheet = {
        "eyebrow": "Transaction cost analysis",
        "title": title,
        "subtitle": f"{report.asked[:1].upper()}{report.asked[1:]}. {DELAYS[report.delay]}.",
        "source": report.source,
        "headlines": report.headlines,
        "warnings": report.warnings,
        "sections": section_blocks(_sections(report)),
        "terms": {name.capitalize(): f"{words[:1].upper()}{words[1:]}." for name, words in PART_MEANINGS.items()},
    }
    return fill_template(PAPER_PACKAGE, "report.html.j2", Running(f"{title}: {report.asked}"), sheet=sheet)


def main_picture(report: Report) -> Picture:
    """The picture of a report: its cost by part, of the currency with the most orders.

    Raises : DataError where no total is known.
    """
    if not report.currencies:
        raise DataError(f"there is no picture of {report.asked}: {' '.join([*report.headlines, *report.warnings])}")
    return parts_picture([part for part in report.parts if part.currency == report.currencies[0]])


def _sections(report: Report) -> Iterator[tuple[str, str, str, list[Part]]]:
    """Address, name, title and parts of each section."""
    for each in report.tables():
        title = TCA_TITLES.get(each.key, f"Cost by {each.key}")
        parts: list[Part] = [table_block(each)]
        if each.key == "parts":
            parts = [main_picture(report), *parts]
        if each.key == "asset":
            in_one = [group for group in report.groups("asset") if group.currency == report.currencies[0]]
            parts = [assets_picture(in_one), *parts]
        if each.key == "costs" and report.effect:
            parts.append(Words(report.effect))
        yield each.key, title, title, parts
    if report.effect and not report.changes:
        yield "costs", TCA_TITLES["costs"], TCA_TITLES["costs"], [Words(report.effect)]


def table_block(shown: WordsTable) -> Block:
    """The table as a block of a page."""
    return table(shown.caption, shown.heads, shown.rows, texts=range(shown.words))
