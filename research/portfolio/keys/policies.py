"""The one table from names in a portfolio file to rules; allocations, which they hold, have one in `allocations`."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter

from foundation.names import import_path
from foundation.quick_imports import LazyClasses
from research.allocation import FixedWeights
from research.forecast import Regimes
from research.market import Past
from research.market.calendars import A_YEAR
from research.portfolio.file.document import Document
from research.portfolio.file.faults import Faults
from research.portfolio.file.kinds import Penalty
from research.portfolio.file.lengths import default_lengths
from research.portfolio.file.own_class import check_code, code_of, own_rule
from research.portfolio.file.settings import build, named, nested, plain, validated
from research.portfolio.file.strict_yaml import KeyPath
from research.portfolio.keys.allocations import allocation_settings, check_names, read_allocation, read_regimes
from research.rules import Threshold

RULES = LazyClasses(
    {
        "never": "research.rules.Never",
        "calendar": "research.rules.Calendar",
        "threshold": "research.rules.Threshold",
        "group_threshold": "research.rules.GroupThreshold",
        "regime_threshold": "research.rules.RegimeThreshold",
        "tracking_error": "research.rules.TrackingError",
        "cost_benefit": "research.rules.CostBenefit",
        "no_trade_region": "research.rules.NoTradeRegion",
        "best_point": "research.rules.BestPoint",
        "pair_region": "research.rules.PairRegion",
        "multi_period": "research.rules.MultiPeriod",
        "cppi": "research.rules.CPPI",
        "drawdown_floor": "research.rules.DrawdownFloor",
        "stop_loss": "research.rules.StopLoss",
        "tuned": "research.rules.TunedThreshold",
        "learned": "research.learning.Learned",
        "universal": "research.learning.Universal",
    }
)
PENALTY = TypeAdapter[float](Penalty)
PAYERS = ("pro_rata", "cash")  # words of `payer`, which else names an asset
NO_SETTINGS: Mapping[str, Any] = MappingProxyType({})


def read_policy(
    document: Document, path: KeyPath, strategic: FixedWeights, shared: Mapping[str, Any] = NO_SETTINGS
) -> Any:
    """The rule at `path`, {rule: ..., allocation: {kind: ..., ...}, ...}, with its allocation.

    A rule with a colon in its name is a class of the user's own, see `own_class`.

    document  : the portfolio file.
    path      : key of the rule.
    strategic : the file's target, for a rule without an allocation of its own.
    shared    : settings of the whole file, for rules that have them and state no other.
    Raises    : ConfigError for an unknown rule, kind or setting, and for a value that the class does not take.
    """
    own = ":" in document.text(*path, "rule")
    rule = own_rule(document, (*path, "rule")) if own else RULES[named(document, (*path, "rule"), RULES)]
    if own:
        check_code(document, (*path, "code"), rule)
    _refuse_points(document, path)
    if document.has(*path, "tracking_penalty"):
        validated(document, (*path, "tracking_penalty"), PENALTY, document.value(*path, "tracking_penalty"))
    allocation = read_allocation(document, (*path, "allocation"), strategic, shared)
    unset = {f.name for f in fields(rule)} - set(document.mapping(*path))
    held = default_lengths(rule, shared.get("periods_per_year", A_YEAR["day"]), document.mapping(*path))
    held |= {"allocation": allocation} | {name: value for name, value in shared.items() if name in unset}
    held |= {name: read_regimes(document, (*path, name), shared) for name in fields_of_regimes(rule)}
    beside = ("rule", "allocation", *fields_of_regimes(rule), *(("code",) if own else ()))
    return build(document, path, rule, held, beside)


def read_policies(
    document: Document, names: Sequence[str], past: Past, strategic: FixedWeights, shared: Mapping[str, Any]
) -> dict[str, Any]:
    """The policies by name, whose assets the market has. Raises ConfigError for all that is wrong in them at once."""
    found, faults = {}, Faults()
    for name in names:
        path = ("policies", name)
        with faults:
            found[name] = policy = read_policy(document, path, strategic, shared)
            if isinstance(policy, Threshold) and policy.payer not in PAYERS:
                document.check_line((*path, "payer"), policy.payer, (*PAYERS, *past.assets))
            for field in ("allocation", *fields_of_regimes(type(policy))):
                check_names(document, (*path, field), getattr(policy, field), past)
    faults.end()
    return found


def _refuse_points(document: Document, path: KeyPath) -> None:
    """Refuse a band above 1: it was written in points, and would never be touched."""
    of_target = document.value(*path, "kind", default="absolute") in ("relative", "volatility")
    for key in () if of_target else ("band", "bands", "turbulent_band"):
        given = document.value(*path, key) if document.has(*path, key) else 0.0
        bands = [band for band in (given if isinstance(given, list) else [given]) if isinstance(band, int | float)]
        if max(bands, default=0.0) > 1.0:
            document.refuse((*path, key), "a band is a fraction of NAV", given, "Two percentage points are 0.02.")


def policy_settings(policy: Any) -> dict[str, Any]:
    """A policy as a portfolio file would write it, every default filled in but those of no value, in plain JSON types.

    >>> from research.allocation import EqualWeights
    >>> from research.rules import Never
    >>> policy_settings(Never(EqualWeights()))
    {'rule': 'never', 'allocation': {'kind': 'equal', 'unlisted': 'pro_rata'}}
    """
    rule = rule_key(policy)
    own = {} if rule else {"rule": import_path(type(policy)), "code": code_of(type(policy))}
    regimes = fields_of_regimes(type(policy))
    return {
        "rule": rule,
        **own,
        **plain(policy, without=("allocation", *regimes)),
        **{name: allocation_settings(getattr(policy, name)) for name in regimes},
        "allocation": allocation_settings(policy.allocation),
    }


def fields_of_regimes(rule: type) -> tuple[str, ...]:
    """The fields of a rule that hold regimes."""
    return tuple(name for name, declared in nested(rule).items() if declared is Regimes) if is_dataclass(rule) else ()


def rule_key(policy: object) -> str | None:
    """The name by which a portfolio file calls the class of a rule; None for a class that no file can name."""
    return RULES.word_of(type(policy))
