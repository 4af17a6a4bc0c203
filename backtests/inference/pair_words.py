"""Sentences about intervals and pairs: figures without an interval, detectable differences, and the SPA test."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from backtests.evaluation.metrics import METRICS, Metric
from backtests.inference.estimates import POWER, NotAvailable, why_not
from backtests.inference.intervals import Interval
from backtests.inference.pairs import Pair
from backtests.inference.selection import SuperiorAbility
from foundation.paper.wording import listed
from research.market.calendars import row_count

DETECTED = ("growth", "sharpe")  # of which the smallest difference that could be found is said


def without_interval(shown: Sequence[Metric], found: Mapping[str, Mapping[str, Interval]]) -> list[str]:
    """The reasons why figures have no interval, a sentence for each: first for whole metrics, then for policies.

    shown : the metrics of a table.
    found : intervals by metric and policy.
    """
    reasons: dict[str, list[str]] = {}
    for metric in shown:
        if metric.key not in found:
            reasons.setdefault(metric.no_interval, []).append(_in_a_list(metric))
    sentences = [f"No interval of {listed(labels)}: {reason}." for reason, labels in reasons.items()]
    single = [(_in_a_list(m), name, each) for m in shown for name, each in found.get(m.key, {}).items()]
    return sentences + _why_none("interval", single)


def detectable_words(pairs: Mapping[str, Pair], chosen: str | None, periods_per_year: float) -> str:
    """The smallest differences in CAGR and Sharpe ratio that a test of this length finds; "" without pairs.

    pairs  : pairs by policy.
    chosen : the policy whose pair is used; where it has none, the pair with the smallest detectable growth.
    periods_per_year : number of periods a year of the market.
    """
    if not pairs:
        return ""
    least = min(pairs.values(), key=lambda pair: _known(pair).get("growth", math.inf))
    pair = least if chosen is None else pairs.get(chosen, least)
    found = _known(pair)
    if not found:
        reason = next(map(why_not, pair.detectable.values()))
        return f"No detectable difference between {pair.policy} and {pair.reference}: {_sentence(reason)}"
    limits = [
        f"{METRICS[key].difference.text_with_unit(found[key])} in {METRICS[key].phrase}"
        for key in DETECTED
        if key in found
    ]
    return (
        f"With {row_count(pair.days, periods_per_year)}, a true difference between {pair.policy} and {pair.reference} "
        f"of less than {listed(limits, 'or')} would be found with a probability of less than "
        f"{POWER * 100:.0f} % (a test of this pair alone at 5 %)."
    )


def superior(found: Mapping[str, SuperiorAbility | NotAvailable], reference: str) -> str:
    """Hansen's test in a sentence, of each metric.

    found     : by metric, "loss" and "growth".
    reference : name of the policy that none may be better than.
    """
    than = {"loss": "has a lower loss J", "growth": "grows faster"}
    words = []
    for metric, each in found.items():
        said = f"not available: {each.reason}" if isinstance(each, NotAvailable) else p_words(each.p)
        words.append(f"that no policy {than[metric]} than {reference}, {said}")
    reasons = set(map(why_not, found.values()))
    if len(reasons) == 1 and "" not in reasons:
        return f"Hansen's SPA: {_sentence(reasons.pop())}"
    return f"Hansen's SPA over all policies: {_sentence('; '.join(words))}"


def p_words(p: float) -> str:
    """A p-value in words.

    >>> p_words(0.0002), p_words(0.0213)
    ('p < 0.001', 'p 0.021')
    """
    return "p < 0.001" if p < 0.001 else f"p {p:.3f}"


def pairs_not_available(pairs: Mapping[str, Pair]) -> list[str]:
    """The reasons why differences of pairs are not available, a sentence for each."""
    tested = [(METRICS[key].name, name, d) for name, pair in pairs.items() for key, d in pair.differences.items()]
    return _why_none("test", tested)


def _why_none(what: str, results: Iterable[tuple[str, str, object]]) -> list[str]:
    """A sentence for each reason why there is no such thing, of some metrics, for some policies.

    results : label of a metric, name of a policy, and the result, which may be available.
    """
    reasons: dict[str, dict[str, list[str]]] = {}
    for label, name, each in results:
        if isinstance(each, NotAvailable):
            reasons.setdefault(each.reason, {}).setdefault(label, []).append(name)
    return [
        f"No {what} of {listed(list(by_label))} for "
        f"{listed(list(dict.fromkeys(chain(*by_label.values()))), most=4)}: {_sentence(reason)}"
        for reason, by_label in reasons.items()
    ]


def _in_a_list(metric: Metric) -> str:
    """Its label without a comma."""
    name, _, rest = metric.label.partition(", ")
    return f"{name} ({rest})" if rest else name


def _known(pair: Pair) -> dict[str, float]:
    """The detectable differences that are available."""
    return {key: value for key, value in pair.detectable.items() if not isinstance(value, NotAvailable)}


def _sentence(reason: str) -> str:
    return reason if reason.endswith(".") else f"{reason}."
