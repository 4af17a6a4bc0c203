"""What the cards of learned policies say alike: what a policy answers, and the terms of a card."""

ANSWERS = {
    "bands": "a box round the target, as wide as the state asks",
    "edges": "a box round the target, each edge as far as the state asks",
    "hold_or_trade": "to hold, or to trade to the target",
    "fraction": "how much of the way to the target to go",
    "gate": "whether to trade, and how much of the way to the target",
    "exposure": "how much of the target to hold; cash takes the rest",
    "weights": "weights of its own, round the target",
}
TERMS = {
    "J": "What trading costs and what distance from the target costs, bp of NAV a year: the cost, and half of g times "
    "the squared difference in return to the target. Lower is better.",
    "Training worlds": "Days of the training period, drawn again in blocks. Those in which a seed is judged are the "
    "same for all seeds, and none learned in them.",
    "Closed form": "The no-trade half-widths of small costs (Shreve and Soner 1994; Janeček and Shreve 2004), from "
    "which the policy starts. Widths and drifts are shown as multiples of them.",
    "Importance": "How much J rises when a feature is shuffled between worlds at every decision (Breiman 2001, "
    "section 10).",
    "Optimum": "The best policy of normal days with the mean and covariance of the training days, by dynamic "
    "programming. It is known for one or two lines beside cash with proportional costs.",
    "Drifted": "A feature is farther from its distribution in training than in any single training world. A test "
    "longer than a world makes this less likely, a shorter one is allowed more.",
    "Sealed": "Numbers and card bear one hash over both. What a test found is kept beside them.",
}
