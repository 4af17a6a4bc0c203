"""The common parts of the cards of learned policies: the answers of a policy, the terms of a card, and its page."""

from collections.abc import Mapping
from typing import Any

from backtests.sheets.parts import facts_blocks
from backtests.sheets.render import render
from foundation.paper.render import Running

ANSWERS = {
    "bands": "a state-dependent no-trade band round the target",
    "edges": "a state-dependent no-trade band round the target, with separate edges",
    "hold_or_trade": "whether to hold or to trade to the target",
    "fraction": "the fraction of the way to the target",
    "gate": "whether to trade, and the fraction of the way to the target",
    "exposure": "how much of the target to hold, with the rest in cash",
    "weights": "weights near the target",
}
CARD_TERMS = {
    "Loss J": "Rebalancing loss: cost + tracking penalty, bp of NAV a year. The tracking penalty is g/2 times the "
    "squared difference in return to the target. Lower is better.",
    "Simulated training paths": "Days of the training period, resampled in blocks. All seeds are evaluated on the same "
    "paths, and none was trained on them.",
    "Closed form": "The no-trade half-widths of small costs (Shreve and Soner 1994; Janeček and Shreve 2004), from "
    "which the policy starts. Widths and drifts are shown as multiples of them.",
    "Importance": "How much the loss rises when a feature is permuted across simulated paths at every decision "
    "(Breiman 2001, section 10).",
    "Optimum": "The best policy of normal days with the mean and covariance of the training days, by dynamic "
    "programming. It is known for one or two assets and cash, and for two or three without, with proportional costs.",
    "Drifted": "A feature is farther from its training distribution than on any single training path. The "
    "limit depends on the length of the test; for a test longer than a path, drift is reported too seldom.",
    "Checksummed": "One hash covers the network and the card. Test results are kept beside them.",
}
CARD_SECTIONS = {
    "learning": "Training",
    "doing": "Decisions",
    "test": "Out of sample",
    "saw": "Training data",
    "conventions": "Definitions",
    "settings": "Settings",
}
OPTIONAL = ("region", "seeds", "figures", "gaps", "seen")  # pictures and tables that a card may lack


def card_html(name: str, facts: Mapping[str, str], **content: Any) -> str:
    """The whole page of a card, one file without any URL.

    name    : name of the policy.
    facts   : its facts, in words by name.
    content : other values of the template; those of `OPTIONAL` may be left out.
    """
    return render(
        "policy.html.j2",
        Running(f"{name}: model card"),
        name=name,
        facts=facts_blocks(facts),
        sections=[
            {"id": k, "name": words} for k, words in CARD_SECTIONS.items() if k != "test" or content.get("figures")
        ],
        **dict.fromkeys(OPTIONAL) | content,
    )
