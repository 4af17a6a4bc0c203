"""Number of futures of a risk sheet: a module of its own, since the command line prints it before it reads anything."""

PATHS = 1_500  # of the first law: a standard error of 0.6 points of a probability of 5 %
