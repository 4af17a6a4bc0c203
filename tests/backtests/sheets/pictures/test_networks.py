"""Pictures of what a network used: every variable and step is named with its share, the most used first."""

import re

import pandas as pd

from backtests.sheets.pictures.networks import attention_picture, importance_picture

IMPORTANCE = pd.DataFrame(
    {
        "role": ["ahead", "ahead", "history", "history", "line"],
        "variable": ["season_sine", "season_cosine", "cash", "momentum", "line"],
        "share": [0.7, 0.3, 0.1, 0.9, 1.0],
    }
)


def test_variables_stand_with_their_shares_the_most_used_of_the_past_first() -> None:
    found = importance_picture(IMPORTANCE)
    assert found.caption.startswith("Most used of what the network read of the past: momentum (90\u202f%) and cash")
    assert found.alt.startswith(
        "Shares, %: momentum, read of the past, 90.0; cash, read of the past, 10.0; season_sine"
    )
    assert found.data["variable"].tolist() == ["momentum", "cash", "season_sine", "season_cosine"]
    assert {"momentum", "cash", "season_sine"} <= set(re.findall(r">([^<>]+)</text>", found.wide))


def test_attention_is_drawn_by_steps_back() -> None:
    found = attention_picture(pd.Series([0.2, 0.3, 0.5], pd.Index([3, 2, 1], name="steps back"), name="attention"))
    assert "The most, 50.0\u202f%, goes to step 1 back" in found.caption
    assert found.alt == "Attention, %, by steps back: 3: 20.0, 2: 30.0, 1: 50.0."
    assert found.data.columns.tolist() == ["steps back", "share"]
