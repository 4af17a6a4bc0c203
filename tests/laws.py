"""Simulated laws that several tests share, and how a sample is held against one."""

import numpy as np
from simulated import world

from research.risk import GBM, Garch, MertonJumps, RegimeSwitching, StationaryBootstrap, StochasticVolatility

MEAN = np.array([0.06, 0.02])
COVARIANCE = np.array([[0.04, -0.012], [-0.012, 0.0225]])  # volatilities 20 % and 15 %, correlation -0.4
BULL_BEAR = np.array([[0.98, 0.02], [0.06, 0.94]])  # three days of four are bull days
JUMP_MEAN = np.array([-0.01, 0.005])
JUMP_COVARIANCE = np.array([[4e-4, 1e-4], [1e-4, 1e-4]])
D = 1 / 252


def gbm(mean=MEAN, covariance=COVARIANCE, periods_per_year=252):
    return GBM(mean, covariance, periods_per_year)


def merton(intensity=40.0):
    return MertonJumps(MEAN, COVARIANCE, intensity, JUMP_MEAN, JUMP_COVARIANCE, 252)


def regimes(transition=BULL_BEAR):
    return RegimeSwitching([[0.12, 0.03], [-0.10, 0.0]], [COVARIANCE, 4.0 * COVARIANCE], transition, 252)


def garch(alpha=0.1, beta=0.8):
    return Garch(MEAN, COVARIANCE, alpha, beta, 252)


def volatile(spread=0.7, half_life=0.5):
    return StochasticVolatility(MEAN, COVARIANCE, spread, half_life, 252)


def bootstrap(mean_block=10.0):
    return StationaryBootstrap(world(days=300, n=2), mean_block)


LAWS = {"GBM": gbm, "Merton": merton, "regimes": regimes, "GARCH": garch, "volatile": volatile, "bootstrap": bootstrap}


def agrees(values, expected, times=4.0, sharp=None):
    """Hold the mean over paths to an expected value, within so many of its standard errors.

    values : (paths, ...), of which each path by itself estimates `expected` without bias, independent of the others.
    sharp  : the most that a standard error may be of the expected value: a test that could not fail is no test.
    """
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    if sharp is not None:
        assert (error <= sharp * np.abs(expected)).all(), "too few paths to tell"
    np.testing.assert_array_less(np.abs(values.mean(axis=0) - expected), times * error)
