"""How many futures a risk sheet plays: a module of its own, since the command line says it before it reads anything."""

PATHS = 1_500  # of the first law: a standard error of 0.6 points of a probability of 5 %
