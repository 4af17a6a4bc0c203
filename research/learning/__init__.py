"""Learned rebalancing rules: trained in simulated paths with the accounting's own costs, saved with a model card."""

from typing import TYPE_CHECKING

from foundation.quick_imports import lazy_names

if TYPE_CHECKING:
    from research.learning.learners.settings import (
        CrossEntropySettings,
        DQNSettings,
        GradientSettings,
        PPOSettings,
        SACSettings,
    )
    from research.learning.policy import LearnedPolicy
    from research.learning.settings import Learned
    from research.learning.training import Training, train, untrained
    from research.learning.universal.rule import Universal
    from research.learning.worlds.rewards import Reward
    from research.learning.worlds.variation import Variation
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__)
