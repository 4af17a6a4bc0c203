"""PyPortfolioOpt's discrete allocations: its published cases, and any others, met or beaten on its own objective.

Its linear programme minimises the distance of each line from its target, and the rest of the cash; its greedy search
minimises nothing that is stated. Cash is a line of its own here, so that the rest is part of the distance.
"""

import warnings
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from pypfopt.discrete_allocation import DiscreteAllocation

from research.accounting import Costs
from research.arrays import Array
from research.trading.lot_problem import LotProblem
from research.trading.lot_solver import solve_lots
from research.trading.position import Position

# Closes of 2018-04-11 in PyPortfolioOpt's test data, and the weights of `max_sharpe` in its published example, rounded
# by `clean_weights` to five decimals: README, "An example", and tests/test_discrete_allocation.py.
