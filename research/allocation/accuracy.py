"""The accuracy of a solved programme: when a solution is accepted, which weights are zero, and which limits bind."""

# -- of a solver ------------------------------------------------------------------------------------------------------

ACCURATE = 1e-8  # of a limit, in its own unit: a solution that misses no more is believed
TOLERATED = 1e-6  # likewise: one that misses no more is taken where there is no better, and marked as inaccurate

# -- of weights, fraction of NAV --------------------------------------------------------------------------------------

ZERO_FROM_SOLVER = 1e-9  # a smaller weight is what an interior-point method leaves of zero: the asset is not held
RELAXED_ZERO = 1e-7  # likewise of a relaxation, where assets are held in part
SUM_ROUNDING = 1e-6  # by which the sum of a solver's weights may miss what was asked for
SOLVER_NOISE = 1e-4  # by which weights of a library, or of a user's own function, may miss a limit as their solvers do

# -- of limits, in their own unit -------------------------------------------------------------------------------------

LIMIT_TOLERANCE = 1e-8  # a limit that is missed by no more is kept
GIVES = 1e-7  # a limit that may be exceeded and is by no more has not given way
SLACK = 1e-6  # a limit with more room does not bind
LEAST_PRICE = 1e-7  # over the largest price of a programme, or over 1: what is less is what a solver leaves of zero
