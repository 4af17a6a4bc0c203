"""Words of what was tried: trials that are kept are told apart by them."""

import numpy as np

from backtests.runs.trial_words import in_words
from research.rules.networks.policy_network import Network


def test_a_network_has_the_words_of_trials_that_are_kept() -> None:
    """Under other words of the same policy it would count as another trial."""
    part = np.zeros((1, 1), dtype="float32")
    assert in_words(None, [Network(*[part] * 7)]) == [f"Network({', '.join(['array (1, 1) #df3f619804a92fdb'] * 7)})"]
