"""How many futures a risk sheet plays: in a module of its own, since the command line says it before anything is read."""

PATHS = 1_500  # of the first law: a standard error of 0.6 points of a probability of 5 %
