"""One cycle of a portfolio, in a fixed order, and its record: who handed what to whom, when, and why.

Supervisor → market data → forecast → risk → optimiser → execution → supervisor. Each is a function of what came before;
its record states the sha256 of its input, which is the output of the one before. The times apart, the same file, data
and day give the same record to the byte.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from backtests.runs.folder import code_version
from desk.cycle.alternatives import alternatives
from desk.cycle.analysis import Analysis, analysed, tax_of
from desk.cycle.decision import Control, CycleDecision, control, decided
from desk.cycle.monitor import Monitored, Reading, monitored, weights_by_group
from desk.cycle.reality import NOT_COMPARED, REALITY, Reality
from foundation.arrays import Array
from foundation.canonical import content_hash
from foundation.dataclasses import asdict, dataclass
from foundation.errors import DataError
from foundation.paper.wording import percent
from research.accounting import Policy
from research.allocation import target_path
from research.orders import TradeList, trade_list
from research.portfolio import Portfolio
from research.rules.protocol import held_by

CYCLE_SCHEMA = 1
RECORD_DECIMALS = 10  # of a number in a record, so that it has the same bytes on every machine


@dataclass(frozen=True)
class Step:
    """A hand-over of a cycle.

    agent     : who hands over.
    at        : moment in UTC, to the second.
    input     : sha256 of the output of the step before, "" of the first.
    output    : what is handed over, plain values.
    narrative : the same in a sentence or two.
    """

    agent: str
    at: str
    input: str
    output: Mapping[str, Any]
    narrative: str


@dataclass(frozen=True, eq=False)
class Cycle:
    """A cycle that was run.

    portfolio : portfolio at its last close.
    monitor   : its readings.
    analysis  : its alternatives; None on a quiet day, or where they cannot be weighed.
    decision  : the decision.
    steps     : the hand-overs in turn.
    reality   : its book beside its venue.
    """

    portfolio: Portfolio
    monitor: Monitored
    analysis: Analysis | None
    decision: CycleDecision
    steps: tuple[Step, ...]
    reality: Reality = NOT_COMPARED

    @property
    def document(self) -> dict[str, Any]:
        """The record as plain JSON types, with `sha256` of all of it but the times."""
        whole = {"schema": CYCLE_SCHEMA, "status": self.decision.status, "code": code_version()}
        whole["steps"] = [asdict(step) for step in self.steps]
        return {**whole, "sha256": _timeless_hash(whole)}


def _timeless_hash(record: Mapping[str, Any]) -> str:
    """The sha256 of a record without its own and the times."""
    steps = [{key: value for key, value in step.items() if key != "at"} for step in record["steps"]]
    return content_hash({**{key: value for key, value in record.items() if key != "sha256"}, "steps": steps})


def is_record_of(sha256: object, record: Any) -> bool:
    """True if a sha256 is that of a record without its own and the times."""
    try:
        return _timeless_hash(record) == sha256
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def checked_record(path: Path, sha256: str) -> dict[str, Any]:
    """The record in a file. Raises DataError for a file that is not there, or holds another than that of a sha256."""
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        found = {}
    if not is_record_of(sha256, found):
        raise DataError(f"{path} does not hold the record that the journal states.")
    return found


def run_cycle(
    portfolio: Portfolio,
    policy: Policy,
    name: str,
    run: str = "",
    as_of: pd.Timestamp | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    *,
    reality: Reality = NOT_COMPARED,
    given: Sequence[Control] = (),
    readings: Sequence[Reading] = (),
) -> Cycle:
    """Run one cycle of a portfolio at its last close.

    policy : policy that decides, ready to.
    name   : its name in the file.
    run    : id of the run that recommends it, or "".
    as_of  : day of the cycle, to which the age of each price is counted; None counts none.
    now    : clock of the records.
    reality : the book of the portfolio beside its venue.
    given  : controls of what the desk knows besides, such as its journal.
    readings : readings of what it knows besides, such as its live record.
    Raises : as `trade_list`, but for prices that are too old: then orders are vetoed.
    """
    targets = target_path(held_by(policy, portfolio.strategic), portfolio.market, start=len(portfolio.market.dates) - 1)
    listed = trade_list(portfolio, policy, name, run=run, targets=targets, as_of=as_of, stale_ok=True)
    portfolio = listed.portfolio
    record = _Record(now)
    record.add("supervisor", _request(listed) | {"reality": reality.record}, _request_words(listed, reality))
    monitor = monitored(listed, readings)
    data = monitor["data"]
    record.add("market data", {"fingerprint": portfolio.market.fingerprint, **asdict(data)}, data.sentence)
    record.add("forecast", *_forecast(portfolio))
    record.add("risk", {"status": monitor.status, "readings": [asdict(each) for each in monitor.shown]}, _risk(monitor))
    analysis, why_not = None, "nothing triggers: alternatives are not weighed"
    if monitor.triggers:
        try:
            analysis = analysed(alternatives(listed, targets))
        except DataError as error:
            why_not = str(error)
    record.add("optimiser", *_weighed(analysis, why_not))
    if reality.agrees is not None:
        said = reality.sentence.rstrip(".")
        given = (control(REALITY, not reality.agrees, said, said), *given)
    decision = decided(listed, monitor, analysis, given, reality.ended)
    record.add("execution", _decision(decision), f"{decision.listed.headline} When: {decision.timing}.")
    failed = [each.sentence for each in decision.controls if each.effect != "passes"]
    controls = {"status": decision.status, "controls": [asdict(each) for each in decision.controls]}
    record.add("supervisor", controls, f"{decision.status}: {'; '.join(failed) or 'all controls pass'}.")
    return Cycle(portfolio, monitor, analysis, decision, tuple(record.steps), reality)


class _Record:
    """The steps so far."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.steps, self._now = list[Step](), now

    def add(self, agent: str, output: Mapping[str, Any], narrative: str) -> None:
        """Hand over."""
        before = content_hash(self.steps[-1].output) if self.steps else ""
        self.steps.append(Step(agent, f"{self._now():%Y-%m-%dT%H:%M:%SZ}", before, rounded_values(output), narrative))


def rounded_values(value: Any) -> Any:
    """A value in plain JSON types, its numbers rounded."""
    if isinstance(value, Mapping):
        return {str(key): rounded_values(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded_values(each) for each in value]
    return round(float(value), RECORD_DECIMALS) + 0.0 if isinstance(value, float) else value


def _request(listed: TradeList) -> dict[str, Any]:
    portfolio = listed.portfolio
    open_orders = 0 if portfolio.blotter is None else len(portfolio.blotter.orders)
    return {
        **listed.provenance,
        "day": "" if listed.ages is None else f"{listed.ages.today:%Y-%m-%d}",
        "basis": portfolio.basis,
        "nav": portfolio.nav,
        "tracking_penalty": portfolio.tracking_penalty,
        "order_cost": portfolio.order_cost,
        "day_cost": portfolio.stated_day_cost,
        "last_trade": f"{portfolio.last_trade:%Y-%m-%d}",
        "decides": portfolio.cycle.decides,
        "orders_of_last_list": open_orders,
    }


def _request_words(listed: TradeList, reality: Reality) -> str:
    portfolio = listed.portfolio
    who = f"policy {listed.policy} decides" if portfolio.cycle.decides == "policy" else "scenarios decide"
    return f"Cycle of {portfolio.name} at the close of {portfolio.date:%Y-%m-%d}: {who}. {reality.sentence}"


def _forecast(portfolio: Portfolio) -> tuple[dict[str, Any], str]:
    """The mean return that the champion of the stated forecasts expects. It informs, and moves no weight by itself."""
    stated = portfolio.forecasts
    if not stated.models:
        return {}, "The file states no forecasts."
    name, model = next(iter(stated.models.items()))
    try:
        moments = model.predict(portfolio.market.past(len(portfolio.market.dates) - 1))
    except DataError as error:
        return {}, f"{name} gives no forecast: {error}"
    mean = dict(zip(moments.assets, map(float, moments.mean), strict=True))
    best = max(mean, key=lambda asset: mean[asset])
    return {"model": name, "mean": mean}, f"{name} expects most of {best}. No weight follows it unless the target asks."


def _risk(monitor: Monitored) -> str:
    said = monitor.triggers or monitor.flags or ("each reading is normal",)
    return f"{monitor.status}: {said[0]}" + (f", and {len(said) - 1} more" if len(said) > 1 else "") + "."


def _weighed(analysis: Analysis | None, why_not: str) -> tuple[dict[str, Any], str]:
    if analysis is None:
        return {"alternatives": []}, f"{why_not[0].upper()}{why_not[1:].rstrip('.')}."
    table, best = analysis.table().reset_index(), analysis.best
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    for row, each in zip(rows, analysis.alternatives, strict=True):
        after = each.listed.after
        row |= {"words": each.listed.words, "also": each.listed.also}
        row |= {"held": _by_asset(after, after.holdings), "cash": after.cash, "paid": each.listed.paid}
        row["groups"] = weights_by_group(after, each.weights)
        row["expected"] = {str(rows): early._asdict() for rows, early in analysis.early(each.name).items()}
    waiting = {str(sessions): each for sessions, each in analysis.waiting.items()}
    least = f"expected to lose least, {best.loss:.2f} bp a year"
    sure = f"confidence {percent(analysis.confidence, 0)}: so many of such choices came true"
    if (material := analysis.material) is best:
        said = f"Recommended: {best.name}, which is {least}; {sure}."
    else:
        what = "what is worth a change, its tax counted" if tax_of(best.listed.trades) else "what is worth a change"
        said = f"Recommended: {material.name}. {best.name} is {least}, and not by {what}; {sure}."
    of_policy = analysis.alternatives[0].listed.trades
    target = _by_asset(of_policy.portfolio, of_policy.target)
    return {"alternatives": rows, "target": target, "waiting": waiting, "confidence": analysis.confidence}, said


def _by_asset(portfolio: Portfolio, values: Array) -> dict[str, float]:
    return dict(zip(portfolio.market.assets, map(float, values), strict=True))


def _decision(decision: CycleDecision) -> dict[str, Any]:
    names = ("chosen", "by", "confidence", "timing", "reasons", "changes", "watched", "ticket")
    made = {name: getattr(decision, name) for name in names} | {"turnover": decision.listed.turnover}
    band = None if decision.band is None else asdict(decision.band)
    actions = [asdict(each) for each in decision.actions]
    made |= {"headline": decision.listed.headline, "band": band, "paces": decision.timed.record}
    return {**made, "actions": actions}
