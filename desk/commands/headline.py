"""The figures that a notebook records for programs: `backtests.runs.values.record(**headline(...))`.

A trade list is asked for every day, so that its notebook imports nothing of a comparison from here.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backtests.comparison import Comparison
    from backtests.sweeps.findings import Findings
    from research.orders import TradeList


def headline(comparison: "Comparison", trades: "TradeList") -> dict[str, Any]:
    """The main figures of a comparison, in the units of `tearsheet.json`.

    comparison : comparison of the policies.
    trades     : today's trades of its recommendation.
    Returns    : recommended, "" where no policy is; reference; growth (of a test shorter than a year total_return),
                 sharpe, max_drawdown, tracking_error and cost of the recommended policy, or of the reference where
                 there is none; and what `trades_headline` gives.
    """
    from backtests.evaluation.backtest_figures import HEADLINE_FIGURES, defined

    recommended = comparison.recommendation.policy or ""
    score = comparison.scores[recommended or comparison.reference]
    figures = {metric.key: score[metric.key] for metric in defined(HEADLINE_FIGURES, {recommended: score})}
    return {"recommended": recommended, "reference": comparison.reference, **figures, **trades_headline(trades)}


def trades_headline(trades: "TradeList") -> dict[str, Any]:
    """The main figures of today's trades.

    Returns : trades, a sentence; orders, their number; turnover, one-way, fraction of NAV; policy, that decided; last,
              the day of the prices, YYYY-MM-DD.
    """
    return {
        "trades": trades.headline,
        "orders": len(trades.orders),
        "turnover": float(trades.sized.turnover),
        "policy": trades.policy,
        "last": f"{trades.portfolio.date:%Y-%m-%d}",
    }


def sweep_headline(findings: "Findings") -> dict[str, Any]:
    """The result of a sweep: best, the policy with the lowest J under the portfolio's own conditions, and its loss."""
    if not findings.common:
        return {"best": ""}
    return {"best": findings.best_name, "loss": float(findings.best[findings.metric].iloc[0])}
