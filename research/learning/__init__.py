"""The same decision, learned: in resampled worlds where money moves by the accounting step, and kept with a card."""

from research.learning.policy import LearnedPolicy
from research.learning.settings import GradientSettings, Learned, PPOSettings
from research.learning.training import Training, train

__all__ = ["GradientSettings", "Learned", "LearnedPolicy", "PPOSettings", "Training", "train"]
