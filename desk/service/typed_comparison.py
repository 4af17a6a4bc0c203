"""A comparison whose weights are typed: portfolios of the shipped assets on the same days. Nothing of it is kept."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from backtests.comparison import PairedBacktests, compare
from backtests.evaluation.metrics import METRICS
from backtests.sheets.sections.first_screen import paired_screen
from desk.service.payload.scenarios import MARKET
from foundation.arguments import refuse
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError
from foundation.paper.page_templates import templates
from foundation.paper.render import PAPER_PACKAGE, per_cents
from foundation.paper.wording import number
from research.accounting import Costs, Policy
from research.allocation import FixedWeights
from research.market import Market, load_market
from research.rules import Calendar, Never, Threshold

TYPED_NAMES = ("A", "B")
TYPED_RULES: Mapping[str, tuple[str, Callable[[FixedWeights], Policy]]] = {  # the words of each, and the rule
    "never": ("never", Never),
    "quarterly": ("at the end of each quarter", partial(Calendar, schedule="quarter")),
    "threshold": ("when a weight is more than 5 points off its target", partial(Threshold, band=0.05)),
}
FULL, MOST_COST = 100.0, 500.0  # per cent of a portfolio; basis points of a trade's value
TYPED_DIGITS = 2
TYPED_FIGURES = tuple(METRICS[key].label for key in ("growth", "volatility", "max_drawdown", "turnover", "cost"))


@dataclass(frozen=True)
class TypedComparison:
    """The settings of a comparison, as its address has them.

    weights : by portfolio, A and perhaps B, per cents by asset, none of them zero; the rest is cash.
    rule    : a key of `TYPED_RULES`.
    cost    : of a trade, basis points of its value.
    """

    weights: Mapping[str, Mapping[str, float]]
    rule: str = "quarterly"
    cost: float = 5.0

    @property
    def query(self) -> str:
        """The same as the query of an address, in one order and without what is zero."""
        typed = [
            (f"{name}.{asset}", f"{weight:g}") for name, of in self.weights.items() for asset, weight in of.items()
        ]
        return urlencode([*typed, ("rule", self.rule), ("cost", f"{self.cost:g}")])


EXAMPLE_COMPARISON = TypedComparison(MappingProxyType({"A": {"SPY": 60.0, "AGG": 40.0}}))


def typed_comparison(typed: Mapping[str, str]) -> TypedComparison:
    """The settings that the fields of a form state, such as `A.SPY`; others are passed over.

    Raises : ConfigError for a weight or a cost that is none, weights above 100 % or none of A, and an unknown rule.
    """
    rule = typed.get("rule", EXAMPLE_COMPARISON.rule)
    if rule not in TYPED_RULES:
        refuse("rule is", rule, f"take one of {', '.join(TYPED_RULES)}.")
    weights = {}
    for name in TYPED_NAMES:
        fields = {asset: _number(f"{asset} of {name}", typed.get(f"{name}.{asset}", ""), FULL) for asset in _assets()}
        if held := {asset: weight for asset, weight in fields.items() if weight}:
            weights[name] = held
        if (total := round(sum(held.values()), TYPED_DIGITS)) > FULL:
            raise ConfigError(
                f"the weights of portfolio {name} sum to {number(total)} %: lower them to 100 %, or less. The rest is "
                "cash."
            )
    if TYPED_NAMES[0] not in weights:
        raise ConfigError("portfolio A holds nothing: type the weight of an asset, in per cent.")
    return TypedComparison(weights, rule, _number("cost", typed.get("cost", f"{EXAMPLE_COMPARISON.cost}"), MOST_COST))


def compared_typed(asked: TypedComparison) -> PairedBacktests:
    """The backtests of the portfolios under their rule, from the first day on which all their assets are listed.

    A alone is compared_typed with itself where it is never rebalanced, or, under the rule "never", every quarter.
    """
    named = {name: FixedWeights(_fractions(of)) for name, of in asked.weights.items()}
    policies = {name: TYPED_RULES[asked.rule][1](target) for name, target in named.items()}
    if len(named) == 1:
        ((name, target),) = named.items()
        other, words = ("quarterly", "each quarter") if asked.rule == "never" else ("never", "without trades")
        policies[f"{name} {words}"] = TYPED_RULES[other][1](target)
    held = {asset for of in asked.weights.values() for asset in of}
    market = load_market(MARKET).select([asset for asset in _assets() if asset in held])
    costs = Costs.bps(len(market.assets), commission=asked.cost)
    return compare(policies, market, costs, start=_start(market))


def comparison_block(typed: Mapping[str, str]) -> str:
    """The page of a comparison as a block of HTML. Raises as `typed_comparison` does."""
    paired = compared_typed(typed_comparison(typed))
    screen = paired_screen(paired)
    rows = {row["label"]: row for group in screen["groups"] for row in group["rows"]}
    sheet = screen | {
        "sentences": paired.sentences,
        "figures": [{"name": "", "rows": [rows[label] for label in TYPED_FIGURES if label in rows]}],
        "gaps": _gaps(paired),
    }
    page = templates("desk.service", "backtests.sheets", PAPER_PACKAGE).get_template("demo_comparison.html.j2")
    return per_cents(page.render(sheet=sheet))


def _gaps(paired: PairedBacktests) -> dict[str, Any]:
    """The difference in growth of each policy of the reference's target, and its interval, which no sentence has."""
    gap = METRICS["growth"].difference
    return {
        name: f"{number(each.value * gap.factor, gap.digits, signed=True)} {gap.unit}, "
        f"95 % interval {each.times(gap.factor).interval(gap.digits)}"
        for name, each in paired.evidence.differences("growth").items()
        if name not in paired.other_targets
    }


def _assets() -> tuple[str, ...]:
    return load_market(MARKET).assets


def _fractions(per_cents: Mapping[str, float]) -> dict[str, float]:
    return {asset: weight / FULL for asset, weight in per_cents.items()}


def _start(market: Market) -> Any:
    """The day after the first close at which all assets are listed; None where that is the first of the market."""
    row = int(market.listed.argmax(axis=0).max())
    return market.dates[row + 1] if row else None


def _number(what: str, text: str, most: float) -> float:
    """The number of a field, 0 for one that is empty, with `TYPED_DIGITS` digits."""
    text = text.strip()
    try:
        value = round(float(text or 0.0), TYPED_DIGITS)
    except (ValueError, OverflowError):
        value = -1.0
    if not 0.0 <= value <= most:
        refuse(f"{what} is", text, f"type a number from 0 to {most:g}.")
    return value
