"""Budgets of risk by line: the lines that share it, and their proportions."""

from collections.abc import Mapping, Sequence

import numpy as np

from foundation.arguments import cut, is_number, shown
from foundation.arrays import Array
from foundation.errors import ConfigError
from research.allocation.constraints.limits import WEIGHTS, Limit, Limits
from research.allocation.constraints.records import Constraints

Budgets = Mapping[str, float] | tuple[tuple[str, float], ...]

ALL = 1.0 - 1e-9  # of the risk: what is left is rounding


def frozen_budgets(owner: str, budgets: Budgets) -> tuple[tuple[str, float], ...]:
    """Pairs of name and share. Raises ConfigError for a share that is not above zero, and for a sum above one."""
    found = tuple(sorted(dict(budgets).items()))
    for name, share in found:
        if not (is_number(share) and share > 0.0):
            raise ConfigError(
                f"budgets of {owner} for {name} is {shown(share)}: give a share of the risk above 0, such as 0.25."
            )
    if (total := sum(share for _, share in found)) > 2.0 - ALL:
        raise ConfigError(f"budgets of {owner} sum to {total:.6g}: give shares of the risk that sum to at most 1.")
    return found


def check_names(owner: str, budgets: Budgets, assets: Sequence[str]) -> None:
    """Raise ConfigError for lines that the market does not have, and for shares of all lines that do not sum to one.

    owner   : class of the budgets.
    budgets : share of the risk by line.
    assets  : all lines of the market.
    """
    by_name = dict(budgets)
    if unknown := [name for name in by_name if name not in assets]:
        raise ConfigError(f"budgets of {owner}: unknown line {shown(unknown[0])}. Use {cut(', '.join(assets), 400)}.")
    if set(by_name) == set(assets) and sum(by_name.values()) < ALL:
        raise ConfigError(
            f"budgets of {owner} name every line and sum to {sum(by_name.values()):.6g}: give shares that sum to 1."
        )


def shares(budgets: Budgets, limits: Limits, absent: Sequence[str]) -> tuple[Array, Limits]:
    """(n,) shares of the risk that sum to one over the lines that may be held, and limits that hold no others.

    budgets : share of the risk by line; what is left is shared equally by lines that are not named.
    limits  : limits of the day.
    absent  : names of the market's other lines, which are not known today; others share their risk in proportion.
    """
    by_name, n = dict(budgets), len(limits.assets)
    others = sum(name not in by_name for name in (*limits.assets, *absent))
    left = 1.0 - sum(by_name.values())
    equal = left / others if others and left > 1.0 - ALL else 0.0
    found = np.array([by_name.get(name, equal) for name in limits.assets])
    least, most = limits.of_lines
    found = np.where(most > 0.0, found, 0.0)
    without = (found == 0.0) & ((least < 0.0) | (most > 0.0))
    if without.any():
        zero = np.zeros(int(without.sum()))
        nothing = Limit("budgets", "a line without a budget of risk is not held", {WEIGHTS: np.eye(n)[without]},
                        zero, zero, 0.0)  # fmt: skip
        limits = limits.with_limits([*limits.limits, nothing])
    total = float(found.sum())
    return (found / total if total > 0.0 else found), limits


def refuse_few_lines(owner: str, constraints: Constraints) -> None:
    """Raise ConfigError for a limit of the number of lines: every line with a budget of risk is held."""
    if constraints.cardinality is not None:
        raise ConfigError(
            f"{owner} holds every line that has a budget of risk, and constraints.cardinality limits their number. "
            "Leave it out, and exclude lines instead."
        )
