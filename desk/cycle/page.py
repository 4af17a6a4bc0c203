"""The page of a cycle from its record alone: briefing, readings, alternatives, decision, controls, hand-overs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from backtests.sheets.parts import Part, Words, section_blocks
from backtests.sheets.tables import PLAIN_LOOKS, Block, Looks, Shown, records_table, scaled, table
from desk.cycle.briefing import NOT_STATED, Sending, briefed
from desk.cycle.monitor import regime_of
from desk.cycle.picture import losses_picture
from desk.cycle.screen import alternative_words, band_words, loss_columns, order_text_columns
from desk.journal.records import CycleOutcome
from foundation.blocks import Column, with_minus
from foundation.paper.render import PAPER_PACKAGE, Running, fill_template
from foundation.paper.wording import class_words, counted, number
from research.orders.content import DISCLAIMER

REGIME = "regime"
READING_FIGURES = (  # the beginning of a reading's name, label, unit, factor
    ("drift of an asset", "largest drift", "points", 100.0),
    ("VaR 95", "VaR 95", "% of NAV", 100.0),
    (REGIME, "volatility", "percentile", 100.0),
    ("Sharpe ratio", "Sharpe ratio", "last year", 1.0),
)
SHORT_HASH, UNKNOWN = 8, "–"  # letters of a sha256 in a table


def cycle_html(
    document: Mapping[str, Any], outcomes: Sequence[CycleOutcome] = (), status: str = "", sending: Sending = NOT_STATED
) -> str:
    """The whole page, light and dark, without any URL; arguments of `cycle_sheet`."""
    sheet = cycle_sheet(document, outcomes, status, sending)
    title = f"{sheet['title']}: cycle of {document['steps'][0]['output']['last_close']}"
    return fill_template(PAPER_PACKAGE, "report.html.j2", Running(title), sheet=sheet)


def cycle_sheet(
    document: Mapping[str, Any], outcomes: Sequence[CycleOutcome] = (), status: str = "", sending: Sending = NOT_STATED
) -> dict[str, Any]:
    """The content of the page, as `report.html.j2` shows it.

    document : record of the cycle, as `Cycle.document` gives it.
    outcomes : known outcomes of this and earlier cycles of its portfolio.
    status   : what became of its decision; "" takes that of the decision.
    sending  : how its list goes.
    """
    document = as_shown(document)
    request, said = document["steps"][0]["output"], briefed(document, status, sending)
    when, _, heading = said.state
    differences = [f"{each['sentence']}." for each in request["reality"]["differences"]]
    return {
        "eyebrow": "Decision cycle",
        "title": request["portfolio"],
        "subtitle": f"At the close of {request['last_close']}, run at {document['steps'][0]['at']}.",
        "heading": heading,
        "headlines": [said.state[1]],
        "sentences": [when, request["reality"]["sentence"], *differences],
        "headline": list(_figures(document)),
        "columns": [{"name": request["portfolio"]}],
        "asides": said.lists,
        "sections": section_blocks(_sections(document, outcomes)),
        "source": f"{DISCLAIMER} Record {document['sha256']}, code {document['code']}.",
    }


def as_shown(value: Any) -> Any:
    """A record whose sentences have the minus sign, and no backticks."""
    if isinstance(value, Mapping):
        return {key: as_shown(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_shown(each) for each in value]
    return with_minus(value).replace("`", "") if isinstance(value, str) else value


def _figures(document: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The figures below the headline: readings with their levels, and the turnover of the orders."""
    readings, decision = (document["steps"][k]["output"] for k in (3, 5))
    for begins, label, unit, scale in READING_FIGURES:
        for each in readings["readings"]:
            if each["name"].startswith(begins) and each["value"] is not None:
                digits = 0 if unit == "percentile" else 2
                words = number(scale * each["value"], digits)
                beside = regime_of(each["value"]) if begins == REGIME else each["level"]
                yield {"label": label, "unit": unit, "words": words, "interval": "", "beside": beside}
    count = counted(len(decision["actions"]), "order")
    turnover = number(100.0 * decision["turnover"])
    yield {"label": "turnover", "unit": "% of NAV", "words": turnover, "interval": "", "beside": count}


def _sections(
    document: Mapping[str, Any], outcomes: Sequence[CycleOutcome]
) -> Iterator[tuple[str, str, str, list[Part]]]:
    """Address, name, title and parts of each section."""
    request, _, _, risk, _, decision, controls = (step["output"] for step in document["steps"][:7])
    rows = [[each["name"], _level(each), each["sentence"]] for each in risk["readings"]]
    readings = _of_words("Readings and the levels that they reach", ("reading", "level", "what it says"), rows)
    yield "readings", "Readings", "What is watched", [readings]
    yield "alternatives", "Alternatives", "What could be done", _alternatives(document)
    orders = _of_columns("Orders", order_text_columns(decision["actions"], request["basis"]))
    said = [*decision["reasons"], f"When: {decision['timing']}.", *band_words(decision)]
    decided: list[Part] = [*([orders] if decision["actions"] else []), *(Words(each, "") for each in said)]
    yield "decision", "Decision", "What is decided, and why", decided
    changes = [*decision["changes"], f"What is watched: {decision['watched']} triggers the next cycle."]
    yield "changes", "Changes", "What would change it", [Words(each, "") for each in changes]
    rows = [[each["name"], each["effect"], each["sentence"]] for each in controls["controls"]]
    checked = _of_words("Controls of the orders", ("control", "effect", "what it found"), rows)
    yield "controls", "Controls", "What stands against it", [checked]
    yield "outcomes", "Outcomes", "What became of decisions", _outcomes(outcomes)
    steps, heads = document["steps"], ("moment", "agent", "input", "what was said")
    rows = [[each["at"], each["agent"], each["input"][:SHORT_HASH] or UNKNOWN, each["narrative"]] for each in steps]
    turns = _of_words("Hand-overs in turn; input: sha256 of the output of the one before", heads, rows)
    yield "timeline", "Timeline", "Who handed what to whom", [turns]


def _level(reading: Mapping[str, Any]) -> str:
    if reading["value"] is None:
        return "triggers" if reading["triggers"] else UNKNOWN
    return str(reading["level"]) + ", triggers" * reading["triggers"]


def _of_words(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Block:
    return table(caption, heads, rows, texts=range(len(heads)))


def _alternatives(document: Mapping[str, Any]) -> list[Part]:
    request, weighed, decision = (document["steps"][k]["output"] for k in (0, 4, 5))
    if not weighed["alternatives"]:
        return [Words(document["steps"][4]["narrative"], "")]
    named = [
        each | {"alternative": class_words(each["alternative"]), "also": [*map(class_words, each["also"])]}
        for each in weighed["alternatives"]
    ]
    rows, chosen = pd.DataFrame(named), class_words(decision["chosen"])
    columns = loss_columns(rows, request["basis"], request["nav"])
    said = document["steps"][4]["narrative"]
    losses = _of_columns(f"Each played through the same years. {said}", columns, Looks(chosen=chosen))
    after = records_table("The portfolio after the orders of each", AFTER_SECTIONS, named, Looks(chosen=chosen))
    return [losses_picture(rows, chosen), losses, after]


AFTER_SECTIONS = (
    Shown("alternative", "alternative", words=True),
    Shown("tracking_error", "tracking error", "% a year", scaled(100.0)),
    Shown("var", "VaR 95", "% of NAV", scaled(100.0)),
    Shown("cvar", "CVaR 95", "% of NAV", scaled(100.0)),
    Shown("beta", "beta", "", scaled()),
    Shown("sharpe", "Sharpe ratio", "last year", scaled()),
    Shown("", "orders", "", alternative_words, words=True),
)
OUTCOMES = (
    Shown("session", "cycle", words=True),
    Shown("sessions", "after", "rows"),
    Shown("chosen", "taken", words=True),
    Shown("losses", "the best", "", lambda losses: min(losses, key=losses.__getitem__), words=True),
    Shown("regret", "regret", "bp of NAV", scaled()),
    Shown("expected_regret", "expected", "bp of NAV", scaled()),
)


def _of_columns(caption: str, columns: Sequence[Column], looks: Looks = PLAIN_LOOKS) -> Block:
    """A table from columns of cells."""
    heads, texts = [(each.title, each.unit) for each in columns], [k for k, each in enumerate(columns) if each.words]
    return table(
        caption, heads, zip(*(map(with_minus, each.cells) for each in columns), strict=True), texts=texts, looks=looks
    )


def _outcomes(outcomes: Sequence[CycleOutcome]) -> list[Part]:
    """The known outcomes, the newest first."""
    if not outcomes:
        return [Words("No outcome of an earlier decision of this portfolio is known yet.", "")]
    newest = sorted(outcomes, key=lambda each: (each.session, each.sessions), reverse=True)
    return [records_table("Loss of what was taken less that of the best, on the days that came", OUTCOMES, newest)]
