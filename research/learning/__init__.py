"""Learned rebalancing rules: trained in simulated paths with the accounting's own costs, saved with a model card."""

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
