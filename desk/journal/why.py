"""The way of an order from its fills back to the data, as journal, ticket and run have it, a sentence a line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backtests.runs.folder import found_at
from backtests.runs.manifest import read_manifest
from desk.journal.chain import Entry
from desk.journal.journal import Journal
from desk.journal.records import Allocated, ListMade, text_of
from desk.journal.tickets import moment_text, ticket_state
from desk.tickets.order_ids import list_id
from foundation.errors import ConfigError, DataError

NOT_KNOWN = "This is not known"


def why_ordered(journal: Journal, order: str, reports: Path | None = None) -> list[str]:
    """The sentences on an order: fills, sending, list, approvals, decision, policy, run and data.

    order   : its client id.
    reports : folder of the runs, or None to look for the run as `found_at` does.
    Raises  : ConfigError for an order that no entry names.
    """
    own = list(journal.entries(order=order))
    wanted: dict[str, Any] = {"kind": ListMade.kind}
    wanted |= next(({"ticket": entry.ticket} for entry in own if entry.ticket), {})
    of_house = any(isinstance(entry.record, Allocated) for entry in own)
    made = [entry for entry in journal.entries(**wanted) if of_house or order in entry.content]
    if not own and not made:
        raise ConfigError(
            f"no entry of the journal in {journal.folder} names an order {order!r}: copy the id from a list."
        )
    lines = [f"{_capital(text_of(e.record))} (entry {e.sequence:,}, {moment_text(e)})." for e in reversed(own)]
    lines = lines or ["It was not sent: the journal has no order, fill or refusal of it."]
    if not made:
        return [*lines, f"{NOT_KNOWN}: which list it comes from. No list of the journal has it."]
    earlier = [entry for entry in made if own and entry.sequence < own[0].sequence]  # the list may be made again later
    last = (earlier or made)[-1]
    return [*lines, *_of_list(journal, last, order), *_of_run(last, reports)]


def _of_list(journal: Journal, made: Entry, order: str) -> Iterator[str]:
    """The list, its approvals, the decision and the policy."""
    record: ListMade = made.record
    of, is_own = f"of list {list_id(made.ticket)} of {made.portfolio}", False  # the second: an order of an account
    for place, row in enumerate(record.orders, start=1):
        if row.order == order:
            sized = "" if row.price is None else f"sized at {row.price:,.10g} {row.currency} of {row.price_date}"
            price = sized or "without a price"
            yield f"It is order {place} of {len(record.orders)} {of}, {text_of(row)}, {price}: {row.reason}."
            break
    else:
        is_own = True
        yield f"It is an order of an account's own list, and part of a block or of crosses {of}."
    yield f"{made.user} made the list on {moment_text(made)} (entry {made.sequence:,}), as of {record.as_of}."
    yield ticket_state(journal, made.ticket).text
    for path in record.files:
        yield from _of_file(path, made.ticket)
    if is_own:
        yield (
            f"Policies decided at the close of {record.last_close}. The policy of each account is that of its model in "
            f"{record.file}; the reasons stand in the CSV of the accounts' orders."
        )
        return
    yield f"The policy decided at the close of {record.last_close}: {record.reason}."
    yield f"The policy is {record.policy!r} of {record.file}."


def _of_file(path: str, ticket: str) -> Iterator[str]:
    """Whether the ticket is still at a path, if that is of a ticket's JSON."""
    from desk.tickets.formats import is_ticket_json  # which loads what makes each format of a ticket
    from desk.tickets.formats.ticket_json import read_ticket_file

    if not is_ticket_json(path):
        return
    try:
        found = read_ticket_file(path)["hash"]
    except (OSError, DataError) as error:
        yield f"{NOT_KNOWN}: what its ticket says besides. {error}"
        return
    yield (
        f"Its ticket is {path}."
        if found == ticket
        else f"Its ticket is not {path} any more, which holds list {list_id(found)}."
    )


def _of_run(made: Entry, reports: Path | None) -> Iterator[str]:
    """The run that recommends the policy, and the data."""
    data = made.record.data
    if not made.run:
        yield "No run is behind it: the policy is the one that the file names, or that was asked for."
        yield f"The data had the fingerprint {data}."
        return
    try:
        run = read_manifest(found_at(Path(made.run)) if reports is None else reports / made.run)
    except (OSError, DataError) as error:
        yield f"{NOT_KNOWN}: what run {made.run} says. {error}"
        yield f"The data had the fingerprint {data}; {NOT_KNOWN.lower()}: whether the run had them too."
        return
    advised = run.get("recommendation", {}).get("policy")
    advice = f"recommends {advised!r}" if advised else "recommends no policy"
    yield f"Run {made.run}, a {run['kind']} by code {run['code']} that ended on {run['times']['ended'][:10]}, {advice}."
    same = "as those of the run" if run["fingerprint"] == data else f"and those of the run {run['fingerprint']}"
    yield f"The data had the fingerprint {data}, {same}, which ended on {run['last_day']}."


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
