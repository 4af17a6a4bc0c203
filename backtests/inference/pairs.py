"""Each policy against the reference: correlation, differences, and the smallest differences that could be found.

The test of Sharpe ratios is that of Ledoit and Wolf everywhere; Memmel's z stands beside it as the classical number,
without a p of its own.
"""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from backtests.engine.result import Backtest
from backtests.evaluation.metrics import METRICS
from backtests.inference.estimates import Estimate, EstimateWithTest, NotAvailable, or_why_not
from backtests.inference.evidence import Difference, Evidence, holm, verdict
from backtests.inference.paired_sharpe import PairedSharpe
from backtests.inference.risk_inference import risk_difference
from backtests.inference.selection import SuperiorAbility, superior_ability
from backtests.inference.sharpe_inference import SharpeDifference, detectable_difference
from backtests.inference.slow_waves import ratios_among_equals
from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass
from foundation.tolerances import SERIES
from research.risk import max_drawdown, nav_path

IDENTICAL = "both have the same returns"
METHODS: Mapping[str, str] = {  # how the difference of a metric is tested
    "growth": "paired stationary bootstrap",
    "sharpe": "Ledoit and Wolf (2008), studentised block bootstrap",
    "volatility": "three cosine waves (Müller 2014)",
    "cvar95": "three cosine waves (Müller 2014)",
    "max_drawdown": "paired range expected in another such period; no test",
}


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A policy against the reference, on the same days; differences are the policy's figure less the reference's.

    policy, reference : names of the policy and the reference.
    days        : number of days of the test.
    correlation : correlation of their daily returns over cash.
    differences : by metric of `METHODS`, in the unit of the record, or the reason why not: `Difference` with a p of its
                  own and Holm's over all pairs; of the maximum drawdown, the range expected in another such period.
    memmel      : the test of Sharpe ratios for independent normal days, or the reason why there is none.
    detectable  : by metric, growth and Sharpe ratio: the smallest true difference that a test of this pair alone finds
                  with probability `POWER`; or the reason why not.
    """

    policy: str
    reference: str
    days: int
    correlation: float
    differences: Mapping[str, Difference | Estimate | NotAvailable]
    memmel: SharpeDifference | NotAvailable
    detectable: Mapping[str, float | NotAvailable]

    def record(self) -> dict[str, Any]:
        """The same as plain values: unavailable figures are null, with the reason under `not_available`."""
        reasons = {k: d.reason for k, d in self.differences.items() if isinstance(d, NotAvailable)}
        return {
            "policy": self.policy,
            "reference": self.reference,
            "days": self.days,
            "correlation": self.correlation,
            "differences": {metric: _plain(d) for metric, d in self.differences.items()},
            "memmel_z": None if isinstance(self.memmel, NotAvailable) else self.memmel.z,
            "detectable": {k: None if isinstance(d, NotAvailable) else d for k, d in self.detectable.items()},
            "not_available": reasons,
        }


def pairs(
    played: Mapping[str, Backtest], evidence: Evidence, ratios: PairedSharpe, drawdowns: Array | NotAvailable
) -> dict[str, Pair]:
    """The pair of each policy with the reference of `evidence`, by policy.

    played    : backtests by name, all on the same days.
    evidence  : evidence of the same policies.
    ratios    : Sharpe ratios of the same policies.
    drawdowns : (reps, P) maximum drawdowns of drawn histories, or the reason why not, as `intervals.drawn_drawdowns`
                gives them.
    """
    names, reference, level = list(played), evidence.reference, evidence.level
    base = names.index(reference)
    returns = {name: one.net_returns for name, one in played.items()}
    known = not isinstance(drawdowns, NotAvailable)
    depths = {name: max_drawdown(nav_path(own)).depth for name, own in returns.items() if known}
    others = [name for name in names if name != reference]
    drawn = {metric: evidence.differences(metric) for metric in ("growth", "sharpe")}
    year = played[reference].periods_per_year
    risk = {
        name: or_why_not(partial(risk_difference, returns[name], returns[reference], year, level=level))
        for name in others
    }
    tested = {metric: _adjusted(metric, risk, level) for metric in ("volatility", "cvar95")}
    found = {}
    for name in others:
        own, same = names.index(name), np.array_equal(returns[name], returns[reference])
        ratio = ratios.between(own, base, level)
        growth = evidence.draws["growth"][:, own] - evidence.draws["growth"][:, base]
        found[name] = Pair(
            policy=name,
            reference=reference,
            days=evidence.days,
            correlation=1.0 if same else float(np.corrcoef(ratios.excess[own], ratios.excess[base])[0, 1]),
            differences={
                "growth": drawn["growth"][name],
                "sharpe": ratio if isinstance(ratio, NotAvailable) and not same else drawn["sharpe"][name],
                "volatility": tested["volatility"][name],
                "cvar95": tested["cvar95"][name],
                "max_drawdown": drawdowns
                if isinstance(drawdowns, NotAvailable)
                else Estimate.of_draws(depths[name] - depths[reference], drawdowns[:, own] - drawdowns[:, base], level),
            },
            memmel=ratios.memmel(own, base, level),
            detectable={
                "growth": NotAvailable(IDENTICAL) if same else detectable_difference(float(growth.std()), level=level),
                "sharpe": ratio if isinstance(ratio, NotAvailable) else ratio.detectable,
            },
        )
    return found


def any_grows_faster(evidence: Evidence, returns: Mapping[str, Array]) -> SuperiorAbility | NotAvailable:
    """Hansen's test that no policy has a higher expected log return than the reference; or the reason why not.

    evidence : evidence of the policies.
    returns  : by policy, (T,) simple returns above −1, fraction; a policy with those of the reference does not count.
    """
    base = returns[evidence.reference]
    others = [x for name, x in returns.items() if name != evidence.reference and not np.allclose(x, base, 0.0, SERIES)]
    if not others:
        return NotAvailable(f"no policy differs from {evidence.reference}")
    lost = -np.log1p(np.column_stack([base, *others]))
    return or_why_not(lambda: superior_ability(lost[:, 0], lost[:, 1:], evidence.resampling))


def any_loses_less(evidence: Evidence) -> SuperiorAbility | NotAvailable:
    """The test that no policy has a lower J than the reference, with the errors and the law that judge J elsewhere.

    The statistic is the largest Student's t of the logarithm of the ratio to each policy, its law that of policies with
    equal means (`slow_waves.ratios_among_equals`). A policy whose J has no known upper bound cannot show the reference
    to be worse. As in Hansen's test, policies that are clearly worse do not count.

    evidence : evidence of the policies.
    """
    slow, base = evidence.losses, evidence.names.index(evidence.reference)
    rest = [p for p, name in enumerate(evidence.names) if p != base and name not in evidence.apart]
    others = [p for p in rest if slow.ratio(base, p) != 0.0]
    known = [p for p in others if slow.known[p]]
    if not others:
        return NotAvailable(f"no policy differs from {evidence.reference}")
    if not known:
        return NotAvailable(
            f"the test holds too few episodes to tell whether any policy is better than {evidence.reference}"
        )
    scores = np.array([slow.ratio(base, p) for p in known])
    drawn = ratios_among_equals(slow)[:, base, known]
    found = max(float(scores.max()), 0.0)

    def tail(counted: Mask) -> float:
        best = np.where(counted, drawn, -np.inf).max(axis=1)
        return (1.0 + float((np.maximum(best, 0.0) >= found).sum())) / (len(drawn) + 1.0)

    worst = -math.sqrt(2.0 * math.log(math.log(evidence.days)))
    lower, consistent, upper = (
        tail(kept) for kept in (scores >= 0.0, scores >= worst, np.ones(len(known), dtype=bool))
    )
    return SuperiorAbility(consistent, lower, upper, others.index(known[int(np.argmax(scores))]))


def _adjusted(
    metric: str, risk: Mapping[str, Mapping[str, EstimateWithTest] | NotAvailable], level: float
) -> dict[str, Difference | NotAvailable]:
    """Differences of risk with Holm's p over the pairs that have a test."""
    found: dict[str, Difference | NotAvailable] = {n: d for n, d in risk.items() if isinstance(d, NotAvailable)}
    tests = {name: d[metric] for name, d in risk.items() if not isinstance(d, NotAvailable)}
    adjusted = holm([test.p for test in tests.values()]).tolist()
    for (name, test), p in zip(tests.items(), adjusted, strict=True):
        better = (test.value < 0.0) == METRICS[metric].lower_is_better
        found[name] = Difference.judged(test, p, verdict(p, is_better=better, level=level))
    return found


def _plain(found: Difference | Estimate | NotAvailable) -> dict[str, Any] | None:
    if isinstance(found, NotAvailable):
        return None
    ends = {"value": found.value, "lower": found.lower, "upper": found.upper, "level": found.level}
    if isinstance(found, Difference):
        return ends | {"p": found.p, "p_holm": found.p_holm, "verdict": found.verdict}
    return ends
