"""Risk and stress in one picture: where the recommended policy and that of today stood in the worst markets."""

from collections.abc import Mapping

import pandas as pd

from backtests.comparison import Comparison
from backtests.evaluation.policy_risk import extremes
from backtests.sheets.parts import Part, Words
from backtests.sheets.pictures.comparison.downside import downside_picture
from backtests.sheets.sections.policy_styles import looks_of
from backtests.sheets.sections.stress import ASSUMED

EPISODES, SHOCKS = "stress of the past", "if it happened today"
MOST = 4  # rows of each kind: the worst
WORST = "worst of the test"


def downside_parts(comparison: Comparison) -> list[Part]:
    """The picture of losses, and a sentence on what they are."""
    losses = downside(comparison)
    words = (
        "The worst stretches of the past, the worst day, month, year and fall of the test, and shocks that are "
        f"assumed to follow the last close, before any trade. {ASSUMED}"
    )
    return [Words(words, "intro"), downside_picture(losses, looks_of(comparison).styles)]


def downside(comparison: Comparison) -> pd.DataFrame:
    """Returns of the recommended policy and that of today, or of the reference; fraction.

    Rows : kind and name of a market, the worst of each kind first. Columns : the policies.
    """
    made = comparison.recommendation
    names = list(dict.fromkeys(n for n in (made.policy, made.now or comparison.reference) if n in comparison.scores))
    rows: dict[tuple[str, str], Mapping[str, float]] = {}
    for one in comparison.stress.episodes:
        rows[EPISODES, one.episode.name] = {n: f.total_return for n, f in one.figures.items()}
    rows |= {(WORST, name): each for name, each in _worst(comparison, names).items()}
    for shock in comparison.stress.shocks:
        rows[SHOCKS, shock.moved.name] = {n: after.effect.total for n, after in shock.policies.items()}
    found = pd.DataFrame([rows[key] for key in rows], pd.MultiIndex.from_tuples(rows), names).dropna(how="all")
    kinds = [found.loc[[kind]] for kind in dict.fromkeys(kind for kind, _ in found.index)]
    return pd.concat(part.loc[part.min(axis=1).sort_values().index[:MOST]] for part in kinds)


def _worst(comparison: Comparison, names: list[str]) -> dict[str, dict[str, float]]:
    """The deepest drawdown and the worst day, month and year of each policy."""
    rows = {"maximum drawdown": {name: comparison.scores[name].drawdown.depth for name in names}}
    for name in names:
        played = comparison.backtests[name]
        for length, found in extremes(played.dates.to_numpy(), played.net_returns).items():
            if length != "quarter":
                rows.setdefault(f"worst {length}", {})[name] = found.worst.value
    return rows
