"""Pictures of what a network used: every variable is named with its share, the most used first."""

import re

import pandas as pd

from backtests.sheets.pictures.networks import importance_picture

IMPORTANCE = pd.DataFrame(
    {
        "role": ["ahead", "ahead", "history", "history", "line"],
        "variable": ["season_sine", "season_cosine", "cash", "momentum", "line"],
        "share": [0.7, 0.3, 0.1, 0.9, 1.0],
    }
)


def test_variables_stand_with_their_shares_the_most_used_of_the_past_first() -> None:
    found = importance_picture(IMPORTANCE)
    assert found.caption.startswith("Most used of what the network read of the past: momentum (90 %) and cash")
    assert found.alt.startswith(
        "Shares, %: momentum, read of the past, 90.0; cash, read of the past, 10.0; season_sine"
    )
    assert found.data["variable"].tolist() == ["momentum", "cash", "season_sine", "season_cosine"]
    assert {"momentum", "cash", "season_sine"} <= set(re.findall(r">([^<>]+)</text>", found.wide))
