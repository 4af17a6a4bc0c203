"""A trade list as text for a terminal, and as a block of HTML for a notebook and the tearsheet."""

import math
from html import escape
from typing import Any

from foundation.blocks import Column, html_table, text_rows, with_minus
from foundation.paper.wording import percent
from research.accounting.costs import CHARGED, USUAL
from research.orders.before_after_table import columns_of_words, notes_of
from research.orders.content import DISCLAIMER, ListContent, price_text
from research.orders.reasons import HOLD_WORDS
from research.orders.tax.tax_tables import tax_words

MONEY = ("price", "value", "notional", "cost", "cost_price", "proceeds", "gain", "disallowed", "tax", "nav_before",
         "cash_before", "sells", "buys", "cash_after", "nav_after", "amount", "basis_amount", "before", "flow", "fx",
         "after", "after_in_basis")  # fmt: skip
BY_CURRENCY = {
    **dict.fromkeys(("orders", "held", "would_trade"), ("price", "amount")),
    "fx": ("amount",),
    "cash": ("before", "flow", "sells", "buys", "cost", "fx", "after"),
}  # amounts in the currency of their row
PRICED_FIELDS = ("price", "cost_price")
WEIGHT_COLUMNS = ("weight_before", "weight_after", "weight", "target")
TEXTS = ("asset", "side", "reason", "bought", "term", "substitute", "account", "number", "kind", "currency", "pair")
IN_FILES_ONLY = (*CHARGED, "price_date", "price_age", "price_basis")  # shown in the line on money, and in the captions
CAPTIONS = {
    "orders": "Orders, sells first",
    "held": "Not traded",
    "would_trade": "Hypothetical trades to target today",
    "tax_lots": "Tax lots that are sold",
    "harvest": "Losses that could be realised after these orders",
    "accounts": "Accounts before and after their orders",
    "fx": "Currencies to exchange",
    "cash": "Cash by currency before and after",
}
PAGE_STYLE = """
.trade-list { max-width: 1080px; font-size: 14px; line-height: 1.5; font-variant-numeric: tabular-nums; text-align: left; }
.trade-list p { max-width: 96ch; margin: 0 0 8px; }
.trade-list .headline { font-size: 16px; font-weight: 600; }
.trade-list .caption { margin: 14px 0 2px; }
.trade-list .caption, .trade-list .note, .trade-list small { color: color-mix(in srgb, currentColor 72%, transparent); }
.trade-list .caption, .trade-list .note { font-size: 13px; }
.trade-list .scroll { overflow-x: auto; }
.trade-list .scroll:focus-visible { outline: 2px solid currentColor; }
.trade-list .outside { font-weight: 600; }
.trade-list .scroll .before-after { width: auto; min-width: 50%; }
.trade-list .scroll table { width: 100%; margin: 0 0 10px; border: 0; border-collapse: collapse; table-layout: auto; color: inherit; font-size: 13px; }
.trade-list .scroll th, .trade-list .scroll td { padding: 4px 8px; border: 0; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); background: none; font-weight: 400; text-align: right; vertical-align: top; }
.trade-list .scroll thead td { border-bottom-color: currentColor; }
.trade-list .scroll thead th { border-bottom-color: currentColor; font-weight: 600; vertical-align: bottom; }
.trade-list .scroll .words { text-align: left; }
.trade-list .scroll td.words:last-child { min-width: 12em; }
.trade-list .scroll tbody tr:nth-child(n), .trade-list .scroll tbody tr:nth-child(n):hover { background: none; }
.trade-list small { display: block; font-size: 11.5px; font-weight: 400; }
.trade-list .nowrap { white-space: nowrap; }
"""  # noqa: E501  a rule a line.  Colours come from the text around: the theme of a notebook need not be known


# -- blocks ----------------------------------------------------------------------------------------------------------


def text(content: ListContent) -> str:
    """The list as plain text: a title, the headline, the tables, and the change of cash."""
    origin = content.provenance
    lines = [f"Trade list of {origin['portfolio']!r} by policy {origin['policy']!r}, as of {origin['as_of']}"]
    lines += [content.headline, *_reason(content), *(f"{sentence}." for sentence in content.outside)]
    for name, table in content.tables.items():
        if len(table):
            lines += ["", _caption(content, name), *text_rows(columns(content, name))]
    title, _, *rows = text_rows(columns_of_words(content.before_after))
    lines += [
        "",
        _changes(content),
        title,
        *rows,
        *notes_of(content.before_after),
        "",
        _money(content),
        *tax_words(content.facts, str(content.facts["basis"])),
        *_binding(content),
        *content.notes,
        trace(content),
        DISCLAIMER,
    ]
    return with_minus("\n".join(lines))


def html(content: ListContent) -> str:
    """The list as `section.trade-list`, with `table.orders`, `table.held` and `table.would-trade`; no style."""
    blocks = [f'<p class="headline">{escape(content.headline)}</p>']
    blocks += [f'<p class="reason">{escape(reason)}</p>' for reason in _reason(content)]
    blocks += [f'<p class="outside">{escape(sentence)}.</p>' for sentence in content.outside]
    blocks += [
        html_table(name.replace("_", "-"), _caption(content, name), columns(content, name))
        for name, table in content.tables.items()
        if len(table)
    ]
    blocks += [
        html_table("before-after", _changes(content), columns_of_words(content.before_after)),
        *(f'<p class="note">{escape(note)}</p>' for note in notes_of(content.before_after)),
        f'<p class="note money">{escape(_money(content))}</p>',
        *(f'<p class="note tax">{escape(line)}</p>' for line in tax_words(content.facts, str(content.facts["basis"]))),
        *(f'<p class="note">{escape(note)}</p>' for note in (*_binding(content), *content.notes)),
        f'<p class="note provenance">{escape(trace(content))}</p>',
        f'<p class="note disclaimer">{escape(DISCLAIMER)}</p>',
    ]
    return with_minus('<section class="trade-list">\n' + "\n".join(blocks) + "\n</section>\n")


def styled(block: str) -> str:
    """A block with the style of trade lists before it."""
    return f"<style>{PAGE_STYLE}</style>\n{block}"


def order_cells(content: ListContent) -> tuple[list[tuple[str, str]], list[list[str]]]:
    """Heads of the orders as (words, unit), and the cells of each, as all forms of the list show them."""
    columns = _shown(content, "orders")
    return [_head(content, "orders", column) for column in columns], [
        [with_minus(cell) for cell in row] for row in zip(*columns.values(), strict=True)
    ]


# -- tables ----------------------------------------------------------------------------------------------------------


def _shown(content: ListContent, name: str) -> dict[str, list[str]]:
    """Column -> cells as text, the asset first, without empty columns and repetitions.

    The reason of an asset begins with its gap; assets that are held because the policy holds share the rest of it.
    """
    table = content.tables[name]
    alike = name == "held" and bool(content.facts["holds"]) and all(why.endswith(HOLD_WORDS) for why in table["reason"])
    said = "reason" if alike else "gap"
    hidden = (*IN_FILES_ONLY, said)
    order = sorted(map(str, table.columns), key=lambda column: column != "asset")
    columns = [column for column in order if column not in hidden and table[column].notna().any()]
    return {column: [_cell(column, value) for value in table[column]] for column in columns}


def _cell(column: str, value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return ""
    if column in PRICED_FIELDS:
        return price_text(value)
    if column in MONEY:
        return f"{value:,.2f}"
    if column in WEIGHT_COLUMNS:
        return f"{100.0 * value:.2f}"
    if column == "gap":
        return f"{100.0 * value:+.2f}"
    return f"{value:,.10g}"


def _head(content: ListContent, name: str, column: str) -> tuple[str, str]:
    """Title and unit of a column of a table; amounts in the currency of their row have none."""
    if "currency" in content.tables[name] and column in BY_CURRENCY.get(name, ()):
        return column.replace("_", " "), ""
    units = dict.fromkeys(MONEY, str(content.facts["basis"])) | dict.fromkeys(WEIGHT_COLUMNS, "%") | {"gap": "points"}
    return column.replace("_", " "), units.get(column, "")


def columns(content: ListContent, name: str) -> list[Column]:
    """The columns of a table, as all forms of the list show them."""
    shown = _shown(content, name)
    return [Column(*_head(content, name, column), cells, column in TEXTS) for column, cells in shown.items()]


# -- before and after ------------------------------------------------------------------------------------------------


def _changes(content: ListContent) -> str:
    """The caption of the effect of the orders."""
    what = "the hypothetical trades to target" if len(content.tables["would_trade"]) else "the orders"
    flow = float(content.facts["flow"])
    before = f"Before, with the {'deposit' if flow > 0.0 else 'withdrawal'}," if flow else "Before"
    return f"{before} and after {what}, at {content.prices}"


# -- assets -----------------------------------------------------------------------------------------------------------


def _caption(content: ListContent, name: str) -> str:
    """The name of a table, and at which prices it is."""
    at = "given rates" if name == "fx" else content.prices
    return CAPTIONS[name] if name == "cash" else f"{CAPTIONS[name]}, at {at}"


def _reason(content: ListContent) -> list[str]:
    """The reason of a list that trades; one that holds has it in the headline."""
    return [f"Reason: {content.facts['reason']}."] if len(content.tables["orders"]) else []


def _money(content: ListContent) -> str:
    """The change of cash and NAV, in one line."""
    facts = content.facts
    paid = [c for c in CHARGED if c in USUAL or facts[c]]
    costs = " ".join(f"− {column.replace('_', '-')} {facts[column]:,.2f}" for column in paid)
    without = f" Not counted: {facts['left_out']}." if facts["left_out"] else ""
    flow = float(facts["flow"])
    money = f" {'+ deposit' if flow > 0.0 else '− withdrawal'} {abs(flow):,.2f}" if flow else ""
    return (
        f"Cash {facts['cash_before']:,.2f}{money} + sells {facts['sells']:,.2f} − buys {facts['buys']:,.2f} {costs} = "
        f"{facts['cash_after']:,.2f} {facts['basis']}{_rounding(content)}. NAV {facts['nav_before']:,.2f}, after "
        f"{facts['nav_after']:,.2f}. Turnover {percent(float(facts['turnover']), 2)}.{without}"
    )


def _rounding(content: ListContent) -> str:
    """The cash added by rounding to the cents of several currencies, in words; "" where there is one currency."""
    rounding = content.facts.get("rounding")
    return f" (with amounts in cents of each currency {rounding:+,.2f})" if rounding else ""


def _binding(content: ListContent) -> list[str]:
    """The limits that keep orders from the policy's own step, in one line."""
    return [f"Limits that bind: {'; '.join(content.binding)}."] if content.binding else []


def trace(content: ListContent) -> str:
    """The provenance of the list, in one line."""
    origin = content.provenance
    run = f"run {origin['run']}, " if origin["run"] else ""
    source = f"From {origin['file']}, policy {origin['policy']}, {run}"
    return f"{source}closes of {origin['last_close']}, data {origin['data'][:16]}."
