"""The briefing of a cycle, by templates from its record: state, top actions, flags, next steps, models behind it."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from desk.cycle.monitor import NORMAL_LEVEL
from desk.exchange.paper import PaperVenue
from foundation.blocks import with_minus
from foundation.dataclasses import dataclass
from foundation.paper.text_tables import wrapped
from research.orders.content import DISCLAIMER

TOP = 3  # actions that are named
LIST = "orders.json"  # file that the commands write the list of the decision to
COMMAND = ": rebalance "  # begins the command of a step


@dataclass(frozen=True)
class Sending:
    """The way of the list of a cycle, which its record does not state.

    file  : path of the portfolio file as it was given; "" takes the name in the record.
    venue : venue of the file's `cycle: {acts: …}`, "" for none.
    held  : sentence that the cycle sends nothing, and why, without its period; "" where it may send.
    later : session in which the same cycle sends it, YYYY-MM-DD; "" for none.
    stop  : sentence on the file STOP or PAUSE, with the command that removes it; "" where neither is there.
    is_fetched : true where `rebalance data fetch` brings its prices.
    written : file with its ticket, "" for none.
    """

    file: str = ""
    venue: str = ""
    held: str = ""
    later: str = ""
    stop: str = ""
    is_fetched: bool = False
    written: str = ""


NOT_STATED = Sending()


@dataclass(frozen=True)
class Briefing:
    """The briefing of a cycle.

    state    : two or three sentences.
    actions  : the most pressing orders.
    flags    : what is beyond a level, and controls that do not pass.
    playbook : what to do next; a command ends its sentence after a colon.
    models   : what the decision rests on.
    """

    state: tuple[str, ...]
    actions: tuple[str, ...]
    flags: tuple[str, ...]
    playbook: tuple[str, ...]
    models: tuple[str, ...]

    @property
    def lists(self) -> dict[str, tuple[str, ...]]:
        """Its lists by their titles, those that are empty too."""
        return {
            "Top actions": self.actions,
            "Flags": self.flags,
            "What to do next": self.playbook,
            "Models behind it": self.models,
        }

    @property
    def steps(self) -> tuple[str, ...]:
        """The next steps without their commands, for a reader who has no command line."""
        return tuple(dict.fromkeys(f"{each.partition(COMMAND)[0].rstrip('.')}." for each in self.playbook))


def next_steps(document: Mapping[str, Any], status: str = "", sending: Sending = NOT_STATED) -> str:
    """The next steps after a cycle, as text for a terminal.  sending : how its list goes."""
    steps = briefed(document, status, sending).playbook
    return "\n".join(["What to do next:", *(wrapped(f"- {each}") for each in steps)])


def briefing(document: Mapping[str, Any], status: str = "") -> str:
    """The briefing of the record of a cycle as text, with the disclaimer of a ticket.

    status : what became of its decision; "" takes that of the decision.
    """
    found = briefed(document, status)
    blocks = ["\n".join(map(wrapped, found.state))]
    for title, items in found.lists.items():
        if items:
            blocks.append("\n".join([f"{title}:", *(wrapped(f"- {item}") for item in items)]))
    return with_minus("\n\n".join([*blocks, wrapped(DISCLAIMER)]))


def briefed(document: Mapping[str, Any], status: str = "", sending: Sending = NOT_STATED) -> Briefing:
    """The briefing of the record of a cycle.  status : as for `briefing`; sending : how its list goes."""
    status = status or document["status"]
    request, _, forecast, risk, _, decision, controls = (step["output"] for step in document["steps"][:7])
    basis, narrative = request["basis"], document["steps"][2]["narrative"]
    why = decision["reasons"][0].removeprefix("Trigger: ").removeprefix("Nothing triggers: ")
    actions = [_action(each, basis) for each in decision["actions"]]
    more = [f"and {len(actions) - TOP} more"] if len(actions) > TOP else []
    beyond = [f"{each['sentence']}." for each in risk["readings"] if each["level"] != NORMAL_LEVEL]
    failed = [
        f"Control {each['name']} {each['effect']}: {each['sentence']}."
        for each in controls["controls"]
        if each["effect"] != "passes"
    ]
    is_stale = any((each["name"], each["effect"]) == ("prices", "vetoes") for each in controls["controls"])
    fitted = next((each["sentence"] for each in controls["controls"] if each["name"] == "model"), "")
    run = f", which run {request['run']} recommends" if request["run"] else ""
    return Briefing(
        state=(
            f"{request['portfolio']} holds {request['nav']:,.2f} {basis} at the close of {request['last_close']}, and "
            f"its monitor is {risk['status']}: {why}",
            f"Decision: {decision['chosen']}. {decision['headline']}",
            f"Status: {status}. When: {decision['timing']}.",
        ),
        actions=(*actions[:TOP], *more),
        flags=(*beyond, *failed),
        playbook=(
            *([sending.stop] if sending.stop and not sending.held else []),
            *(_fresh_prices(request, sending) if is_stale and status == "vetoed" else []),
            *_playbook(status, request, sending, has_orders=bool(actions)),
        ),
        models=(
            f"Policy {request['policy']} of {request['file']}{run}; {fitted}.",
            f"Decided by {'the policy' if decision['by'] == 'policy' else 'the alternative of the least expected loss'}"
            f", on data {request['data'][:8]}.",
            *([f"Forecast: {narrative}"] if forecast else []),
        ),
    )


def _action(each: Mapping[str, Any], basis: str) -> str:
    units = "" if each["units"] is None else f"{each['units']:,.10g} "
    account = f" for {each['account']}" if each["account"] else ""
    order = f"{each['action']} {units}{each['asset']}{account}, {each['value']:,.2f} {basis}"
    return f"{each['priority']}: {order}: {each['rationale']}."


def _fresh_prices(request: Mapping[str, Any], sending: Sending) -> Iterator[str]:
    """The step that brings prices up to date."""
    file = shlex.quote(sending.file or request["file"])
    if sending.is_fetched:
        yield f"Bring the prices up to date: rebalance data fetch {file}"
    else:
        yield f"Bring the prices that {file} reads up to date."


def _playbook(status: str, request: Mapping[str, Any], sending: Sending, *, has_orders: bool) -> Iterator[str]:
    """The next steps after a cycle of a status."""
    file = shlex.quote(sending.file or request["file"])
    again = f"rebalance desk run {file}"
    on_day = f"{again} --as-of {request['day']}" if request["day"] else again
    if status == "executed":
        yield f"See what the orders cost: rebalance desk tca --portfolio {file}"
    elif status == "partly executed":
        yield f"The next cycle sees what is open: {again}"
    elif status == "not sent":
        yield f"A check refused the orders. Mend what it names, then run the cycle again: {again}"
    elif status == "unreconciled":
        yield from (f"Book what explains the difference: {each}" for each in request["reality"]["bookings"])
        yield f"Nothing is sent. Once book and venue agree, run the cycle again: {again}"
    elif status == "vetoed":
        yield f"Nothing is sent. Once the controls pass, run the cycle again: {again}"
    elif not has_orders:
        asked = "A person looks at the flags; n" if status == "awaiting approval" else "N"
        yield f"{asked}othing is to be sent. Run the next cycle after the next close: {again}"
    else:
        yield from _to_send(status, again, on_day, sending)


def _to_send(status: str, again: str, on_day: str, sending: Sending) -> Iterator[str]:
    """The steps to a list that may be sent.  again, on_day : commands that run the next cycle, and the same one."""
    if status == "finalised" and sending.held:
        yield sending.held
    elif status == "finalised" and sending.later and sending.venue == PaperVenue.name:
        yield f"The next cycle, after the close of {sending.later}, has the orders filled: {again}"
    elif status == "finalised" and sending.later:
        yield f"The list goes in the session of {sending.later}, when the same cycle runs again: {on_day}"
    else:
        path = shlex.quote(sending.written or LIST)
        if not sending.written:
            yield f"Write the list: {on_day} --out {path}"
        if status == "awaiting approval":
            yield f"Read the list, and approve it or refuse it: rebalance desk approve {path}"
        send = f"rebalance desk execute {path} --exchange {sending.venue or 'VENUE'}"
        yield f"Check the list against a venue: {send} --dry-run"
        yield f"Then send it: {send}"
