"""The page of the accounts of a file that need a person, beside the CSVs of all of them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO

from backtests.sheets.parts import Part, Words, section_blocks
from backtests.sheets.tables import table
from desk.tickets.attention import BREACH, CONFLICT, DRIFT, SHOWN_ACCOUNTS, Attention, Concern
from foundation.paper.render import PAPER_PACKAGE, Running, fill_template
from foundation.paper.wording import counted, number
from research.orders.content import DISCLAIMER

PAGE_TITLE = "Accounts that need a person"
ATTENTION_TITLES = {
    BREACH: ("Limits that the orders do not meet", "limit"),
    DRIFT: ("Largest drift after the orders", "asset"),
}


def accounts_page(name: str, statuses: Mapping[str, int], attention: Attention, paths: Iterable[str]) -> bytes:
    """The whole page, without any URL.

    name     : name of the file of accounts.
    statuses : number of accounts by status, in words.
    paths    : files with the orders and a row an account, which have all accounts.
    """
    count = sum(statuses.values())
    conflicts, breaches = (counted(attention.counts[kind], "account") for kind in (CONFLICT, BREACH))
    sheet = {
        "eyebrow": "Trade lists of many accounts",
        "title": PAGE_TITLE,
        "subtitle": f"{counted(count, 'account')} of {name}. Every account is in {' and '.join(paths)}.",
        "headlines": [f"{', '.join(f'{n:,} {words}' for words, n in statuses.items() if n)}."],
        "sentences": [f"Limits conflict in {conflicts}, and {breaches} end outside a limit after the orders."],
        "sections": section_blocks(_sections(statuses, attention)),
        "source": DISCLAIMER,
    }
    return fill_template(PAPER_PACKAGE, "report.html.j2", Running(f"{PAGE_TITLE}: {name}"), sheet=sheet).encode()


def is_accounts_page(file: BinaryIO) -> bool:
    """True if an open file holds such a page."""
    return f"<title>{PAGE_TITLE}</title>".encode() in file.read(512)


def _sections(statuses: Mapping[str, int], attention: Attention) -> Iterator[tuple[str, str, str, list[Part]]]:
    """Address, name, title and parts of each section."""
    rows = [[words, f"{n:,}"] for words, n in statuses.items()]
    yield "status", "Status", "Accounts by status", [table("All accounts of the file", ["status", "accounts"], rows)]
    reasons = [[f"{n:,}", why] for why, n in attention.reasons.most_common(SHOWN_ACCOUNTS)]
    if reasons:
        shown = f"the {SHOWN_ACCOUNTS} most frequent of {len(attention.reasons):,}"
        what = shown if len(attention.reasons) > SHOWN_ACCOUNTS else counted(len(attention.reasons), "reason")
        caption = f"Failures by reason: {what}. # stands for numbers; an account's own sentence is in its row"
        yield "reasons", "Failures", "Failures by reason", [table(caption, ["accounts", "reason"], reasons, texts=[1])]
    if conflicts := attention.largest.get(CONFLICT, ()):
        caption = _caption(
            "Limits that no orders keep together", attention.counts[CONFLICT], "in the order of the file"
        )
        rows = [[each.account, each.model, each.words] for each in conflicts]
        heads = ["account", "model", "limits"]
        yield "conflicts", "Conflicts", "Conflicts of limits", [table(caption, heads, rows, texts=[1, 2])]
    for kind, (title, what) in ATTENTION_TITLES.items():
        concerns = attention.largest.get(kind, ())
        caption = _caption(title, attention.counts[kind], "the largest first")
        none: list[Part] = [Words("All limits are met.")] if kind == BREACH and not concerns else []
        yield kind, title, title, [_concerns(caption, what, concerns)] if concerns else none


def _concerns(caption: str, what: str, concerns: Iterable[Concern]) -> Part:
    rows = [[each.account, each.model, number(100.0 * each.size), each.words] for each in concerns]
    return table(caption, ["account", "model", ("distance", "points"), what], rows, texts=[1, 3])


def _caption(title: str, count: int, order: str) -> str:
    shown = f"{SHOWN_ACCOUNTS} of {count:,} accounts" if count > SHOWN_ACCOUNTS else counted(count, "account")
    return f"{title}: {shown}, {order}"
