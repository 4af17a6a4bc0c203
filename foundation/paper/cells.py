"""Numbers and texts as the cells of a file hold them."""

from datetime import date
from decimal import Decimal
from math import isfinite
from numbers import Real
from typing import Any

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")  # what makes a spreadsheet run a text

BOOK_OPTIONS = {  # of a workbook of xlsxwriter
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


def write_cell(sheet: Any, row: int, column: int, value: Any, style: Any = None) -> None:
    """Write a value into a cell of a worksheet of xlsxwriter: a text as a text, whatever it begins with.

    sheet  : the worksheet.
    row    : from 0.
    column : from 0.
    value  : text, number, date or truth; None and a number that is not finite leave the cell empty.
    style  : format of the cell, or None.
    """
    if isinstance(value, str):
        sheet.write_string(row, column, value, style)
    elif isinstance(value, bool):
        sheet.write_boolean(row, column, value, style)
    elif isinstance(value, date) and value == value:
        sheet.write_datetime(row, column, value, style)
    elif isinstance(value, Real) and isfinite(value):
        sheet.write_number(row, column, value, style)


def number_text(value: float) -> str:
    """A number with all its digits, without an exponent and without a point where it is whole.

    >>> number_text(133.0), number_text(1e-06), number_text(97.45)
    ('133', '0.000001', '97.45')
    """
    text = f"{Decimal(repr(value)):f}"
    return text.rstrip("0").removesuffix(".") if "." in text else text


def cell_text(value: Any) -> str:
    """A value as a cell of a CSV that a spreadsheet may open; None is empty."""
    if value is None:
        return ""
    return str(no_formula(value)) if isinstance(value, str) else number_text(value)


def no_formula(cell: Any) -> Any:
    """A cell of a CSV; text that a spreadsheet would run as a formula gets a quote before it.

    So does text that begins with quotes before a formula: whoever takes one quote away has the text again.

    >>> no_formula("=cmd()"), no_formula("SPY"), no_formula(-1.5), no_formula("'=cmd()")
    ("'=cmd()", 'SPY', -1.5, "''=cmd()")
    """
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip("'").startswith(FORMULA_SIGNS) else cell
