"""The report on what orders cost, as text for a terminal."""

from desk.tca.report import DELAYS, Report, WordsTable
from foundation.paper.text_tables import text_table, warnings_text, wrapped

ROWS_IN_TEXT = 20  # of a table


def report_text(report: Report) -> str:
    """Headlines, tables and warnings; of a long table the first rows."""
    head = [f"What {report.asked} cost", *report.headlines, f"{DELAYS[report.delay]}."]
    blocks = ["\n".join(map(wrapped, head)), *map(table_text, report.tables()), wrapped(report.effect), report.source]
    return "\n\n".join(filter(None, blocks)) + warnings_text(report.warnings)


def table_text(table: WordsTable) -> str:
    """The table with its caption; of a long one the first rows."""
    heads = [[title for title, _ in table.heads], [unit for _, unit in table.heads]]
    more = len(table.rows) - ROWS_IN_TEXT
    lines = [wrapped(table.caption), text_table([*heads, *table.rows[:ROWS_IN_TEXT]], left=table.words, width=None)]
    return "\n".join([*lines, *([f"… and {more:,} more rows: --out FILE.html shows them."] if more > 0 else [])])
