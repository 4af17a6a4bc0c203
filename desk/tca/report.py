"""The report on what orders cost, as words and tables that the terminal and the page show alike."""

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import NamedTuple

import pandas as pd

from backtests.inference.estimates import Estimate
from desk.exchange.paper.fill_model import PAPER_MODEL
from desk.journal.chain import Head
from desk.tca.groups import GROUPINGS, SHOWN_PARTS, OrderGroup, PartSum, currencies, groups, measured_orders, part_sums
from desk.tca.suggestion import CREDIBLE_DAYS, CostChange
from foundation.dataclasses import dataclass, field
from foundation.paper.wording import amount, class_words, counted, listed, number, percent
from research.accounting.costs import BASIS_POINT
from research.orders.shortfall import SHORTFALL_PARTS, Delay

ORDERS_TOLD = 10
FEW_DAYS = 20  # of orders, below which a mean says little
DELAYS: dict[Delay, str] = {
    "wanted": "Delay is counted on all units wanted, and opportunity from the arrival (Wagner)",
    "filled": "Delay is counted on units filled, and opportunity from the decision (Perold)",
}
PART_MEANINGS = {
    "delay": "move of the price from the decision to the arrival, the middle of the quote when the order was sent",
    "spread": "half the quoted spread at each fill",
    "impact": "distance of a fill from the middle of its quote, less half the spread; below zero within the quote",
    "timing": "move of the middle from the arrival to each fill, with the lasting effect of own fills",
    "fees": "fees, less rebates",
    "opportunity": "move of the price of units that were not filled, to the close of the day",
    "unknown": "rest of the total, where quotes were not there to split it",
    "total": "cost against a paper portfolio that trades all units at the decision price at once",
}


class WordsTable(NamedTuple):
    """A table in words.

    key     : name of the table, for addresses.
    caption : caption above it.
    heads   : title and unit of each column.
    rows    : cells of each row.
    words   : number of first columns set left.
    """

    key: str
    caption: str
    heads: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[str]]
    words: int = 1


@dataclass(frozen=True, eq=False)
class Report:
    """The costs of orders.

    orders  : a row an order, as `read_orders` gives it.
    faults  : a sentence for each order that was left out.
    delay   : convention of delay and opportunity.
    changes : costs that the orders suggest for portfolio files, () without one.
    effect  : what the suggested costs do to their policies, a sentence each, or "".
    asked   : what was asked for, in words.
    head    : end of the journal when it was read, or None.
    """

    orders: pd.DataFrame = field(repr=False)
    faults: tuple[str, ...] = ()
    delay: Delay = "wanted"
    changes: tuple[CostChange, ...] = ()
    effect: str = ""
    asked: str = "the orders of the journal"
    head: Head | None = None

    @property
    def currencies(self) -> list[str]:
        """The currencies of the orders of which a total is known, that of the most orders first."""
        return currencies(self.orders)

    @property
    def parts(self) -> list[PartSum]:
        """Each part over all orders of a currency."""
        return part_sums(self.orders)

    def groups(self, by: str = "") -> list[OrderGroup]:
        """The orders by a column, or all of a currency."""
        return groups(self.orders, by)

    @property
    def headlines(self) -> list[str]:
        """The cost of the orders of each currency, a sentence each."""
        in_all = self.orders["currency"].value_counts()
        found = [_headline(group, int(in_all[group.currency])) for group in self.groups()]
        return found or ["No order of these has a total that is known."]

    @property
    def source(self) -> str:
        """The journal that was read: number of its entries, and sha256 of the last; "" where it is not known."""
        if self.head is None:
            return ""
        return f"From {counted(self.head.count, 'entry', 'entries')} of the journal, the last {self.head.sha256}."

    @property
    def warnings(self) -> list[str]:
        """Sentences on what is missing from the numbers."""
        return [
            *_unknown_totals(self.orders),
            *_open_orders(self.orders),
            *_on_paper(self.orders),
            *_few_days(self.groups()),
            *self.faults,
        ]

    def tables(self) -> Iterator[WordsTable]:
        """The tables, in the order in which they are shown; none where no total is known."""
        if not self.currencies:
            return
        several = len(self.currencies) > 1
        yield _parts_table(self.parts, several)
        if self.changes:
            yield _changes_table(self.changes)
        for by in GROUPINGS:
            found = self.groups(by)
            if len({group.value for group in found}) > 1:
                yield _group_table(by, found, several)
        yield _orders_table(self.orders, self.currencies[0])


# -- words -------------------------------------------------------------------------------------------------------------


def _headline(group: OrderGroup, orders: int) -> str:
    """The cost of the orders of a group, as a sentence.  orders : number in its currency, of unknown total, too."""
    count = counted(orders, "order") if group.orders == orders else f"{group.orders:,} of {counted(orders, 'order')}"
    of = f"{count} of {amount(group.notional)} {group.currency}"
    over = f"{counted(group.fills, 'fill')} on {counted(group.days, 'day')}"
    total, unknown = group.parts["total"], group.parts["unknown"]
    rest = f" Of it {bps(unknown, group.notional)} bp cannot be split." if abs(unknown) >= 0.01 else ""
    mean = group.total.text() if isfinite(group.total.lower) else number(group.total.value)
    return (
        f"{of} with {over} cost {amount(total)} {group.currency}, {mean} bp of the value wanted at the decision.{rest}"
    )


def _unknown_totals(orders: pd.DataFrame) -> Iterator[str]:
    unknown = orders[orders["total"].isna()]
    if len(unknown):
        why = {
            "no decision price": unknown["decision"].isna(),
            "fees that are not known in their currency": unknown["fees"].isna(),
            "a rest without a close of its day": (unknown["state"] != "filled") & unknown["end"].isna(),
        }
        causes = listed([f"{int(rows.sum())} with {cause}" for cause, rows in why.items() if rows.any()])
        yield f"The total of {counted(len(unknown), 'order')} is not known, and not counted: {causes}."


def _open_orders(orders: pd.DataFrame) -> Iterator[str]:
    count = int((orders["state"] == "open").sum())
    if count:
        yield f"{counted(count, 'order')} may be open still: the rest is valued as if it were given up."


def _on_paper(orders: pd.DataFrame) -> Iterator[str]:
    count = int(orders["quotes"].str.startswith(PAPER_MODEL).sum())
    if count:
        yield (
            f"The quotes of {counted(count, 'order')} are of the paper venue's model, and of no market: a spread of 0 "
            "is the model's, and the expected one may be among the fees."
        )


def _few_days(found: Sequence[OrderGroup]) -> Iterator[str]:
    for group in found:
        if group.days < FEW_DAYS:
            none = "" if group.days > 1 else " One day has no interval."
            yield (
                f"The orders in {group.currency} have {counted(group.fills, 'fill')} on {counted(group.days, 'day')}: "
                f"a mean of so few days says little of the next ones.{none}"
            )


# -- tables ------------------------------------------------------------------------------------------------------------


def bps(cost: float, notional: float, digits: int = 2) -> str:
    """A cost in bp of a notional, both in one currency."""
    return number(cost / notional / BASIS_POINT, digits)


def ends(found: Estimate | None, digits: int = 2) -> str:
    """The interval of an estimate, a dash where there is none."""
    return found.interval(digits) if found is not None and isfinite(found.lower) else number(None)


def _parts_table(parts: Sequence[PartSum], several: bool) -> WordsTable:
    heads = [("part", ""), ("cost", ""), ("cost", "bp"), ("95 % interval", "bp"), ("known for", "% of notional")]
    rows = [
        [
            f"{each.part}, {each.currency}" if several else each.part,
            number(None) if each.mean is None else f"{amount(each.amount)} {each.currency}",
            number(None if each.mean is None else each.mean.value),
            ends(each.mean),
            percent(each.known, 0),
        ]
        for each in parts
    ]
    caption = "Cost by part: costs add up to the total; bp are of the value of the orders of which the part is known"
    return WordsTable("parts", caption, heads, rows)


def _group_table(by: str, found: Sequence[OrderGroup], several: bool) -> WordsTable:
    heads = [(f"{by}{', UTC' * (by == 'hour')}", ""), ("orders", ""), ("fills", ""), ("days", ""), ("notional", "")]
    heads += [(part, "bp") for part in SHOWN_PARTS] + [("95 % interval", "bp")]
    rows = [
        [
            f"{group.value}, {group.currency}" if several else group.value,
            *(f"{count:,}" for count in (group.orders, group.fills, group.days)),
            amount(group.notional),
            *(bps(group.parts[part], group.notional, 1) for part in SHOWN_PARTS),
            ends(group.total, 1),
        ]
        for group in found
    ]
    return WordsTable(
        by, f"Cost by {by}, the largest notional first; parts and unknown add up to the total", heads, rows
    )


def _orders_table(orders: pd.DataFrame, currency: str) -> WordsTable:
    heads = [("order", ""), ("asset", ""), ("side", ""), ("day", ""), ("notional", ""), ("total", "")]
    heads += [("total", "bp"), ("largest known part", "bp")]
    in_one = measured_orders(orders[orders["currency"] == currency])
    costly = in_one.sort_values("total", ascending=False, kind="stable").head(ORDERS_TOLD)
    rows = []
    for order in costly.to_dict("records"):
        known = {part: order[part] for part in SHORTFALL_PARTS if order[part] == order[part]}
        largest = max(known, key=lambda part: abs(known[part])) if known else ""
        words = [order[column] for column in ("order", "asset", "side", "day")]
        money = [f"{amount(order[column])} {currency}" for column in ("notional", "total")]
        part = f"{largest} {bps(known[largest], order['notional'], 1)}" if largest else number(None)
        rows.append([*words, *money, bps(order["total"], order["notional"], 1), part])
    return WordsTable("orders", f"Orders in {currency} with the highest costs", heads, rows, words=4)


def _changes_table(changes: Sequence[CostChange]) -> WordsTable:
    heads = [("class", ""), ("key", ""), ("orders", ""), ("days", ""), ("in the file", "bp"), ("expected", "bp")]
    heads += [
        ("realised", "bp"),
        ("95 % interval", "bp"),
        ("suggested", "bp"),
        ("change", "bp"),
        ("95 % interval", "bp"),
    ]
    several = len({each.file for each in changes}) > 1
    rows = [
        [
            f"{class_words(each.asset_class)}{f', {each.file}' * several}",
            each.key,
            f"{each.orders:,}",
            f"{each.days:,}",
            number(each.stated),
            number(each.expected),
            number(each.realised.value),
            ends(each.realised),
            number(each.suggested),
            number(each.change.value, signed=True),
            ends(each.change),
        ]
        for each in changes
    ]
    caption = (
        "Realised costs against those of the file, of the value traded; a suggestion counts with D / (D + "
        f"{CREDIBLE_DAYS}) of the difference, D days of orders, and is written nowhere"
    )
    return WordsTable("costs", caption, heads, rows, words=2)
