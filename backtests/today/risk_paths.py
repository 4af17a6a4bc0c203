"""Number of futures of a page: a module of its own, since the command line prints it before it reads anything."""

PATHS = 1_500  # of the first law: a standard error of 0.6 points of a probability of 5 %
PLAN_PATHS = 5_000  # of a plan: 0.3 points
