"""Tolerances that decide whether a line trades, counts, or is refused, with their units and reasons.

The tolerances of one solver, one data source or one drawing stand beside it.

Weights lie between some -1 and 1, and a float holds them to 1e-16. Sums of a few hundred of them, through drift, costs
and a root, are exact to 1e-14 or 1e-13; what people write into files, to some 1e-9; what anybody trades for, to 1e-6.
"""

# -- weights, fraction of NAV ----------------------------------------------------------------------------------------

TRIGGER = 1e-6  # what a gap must exceed its limit by to cause a trade: a line just brought to its edge must not trade
COUNTED = 1e-6  # what the notional of a trade must exceed to count as one: a dollar of a million
TARGET_TOLERANCE = 1e-9  # targets, sums of them and gross weights that differ by less are one: files give nine digits
WEIGHT = 1e-12  # weights, and amounts over NAV, that differ by less are one: room for what a solved trade rounds
DESTINATION = 1e-13  # a point of a no-trade region that moves by less between two sweeps has been reached
WEIGHT_SUM = 1e-14  # what is left to place of a sum of weights, below which it is placed: the sum's own rounding
FIVE_DECIMALS = 5e-6  # what rounding a weight to five decimals moves at most, as PyPortfolioOpt's `clean_weights` does

# -- orders ----------------------------------------------------------------------------------------------------------

LOT = 1e-6  # of a lot: nearer than this to a whole number of lots is that number; a quotient of prices rounds by less

# -- returns ---------------------------------------------------------------------------------------------------------

SERIES = 1e-14  # range of a series of returns below which it is constant: rounding of sums of a few returns
RETURNS = 1e-12  # range of a line's returns below which it has no volatility to divide by: quotients of prices round so
SQUARED_RETURNS = 1e-12  # a mean square below which a reward by a ratio has nothing to divide by: moves of 1e-6

# -- covariances, over the largest variance or eigenvalue ------------------------------------------------------------

COVARIANCE = 1e-9  # two covariances of the same lines that differ by less are one: frames of others round so
EIGENVALUE = 1e-10  # how far below zero rounding may leave the least eigenvalue of correlations
VARIATION = 1e-12  # an eigenvalue below it is a direction in which nothing moves
CURVATURE = 1e-11  # along a direction of the search for a best point: below it there is none, and the search runs on
PAIR_GAIN = 1e-13  # of the gap: what a pair of trades may still save where the search for a best point ends
RESIDUAL = 1e-18  # squared, over the first: where conjugate gradients end, at 1e-9 of the first

# -- others ----------------------------------------------------------------------------------------------------------

PROBABILITY = 1e-9  # how far from one a row of probabilities may sum
SQUARE = 1e-20  # added to a square under a root, or put under a quotient: far below all squares that count
TRACKING = 1e-6  # bp a year: a rule traded to its target every week tracks it but for rounding
