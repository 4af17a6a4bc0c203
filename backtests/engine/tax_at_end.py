"""The tax that is due after the last day of a backtest, as `Tax.at_end` says."""

import numpy as np

from backtests.engine.inputs import EngineInputs
from research.accounting.cost_parameters import COST_COLUMNS
from research.accounting.tax_lots import capital_gains_tax, gain, tax_return


def tax_at_end(inputs: EngineInputs) -> float:
    """The tax if all were sold at the last close, or forgiven by a step-up in basis, currency; 0 if it is not counted.

    The sale costs nothing else. Where years end with a tax return, that of the last year is settled, which may be a
    refund.
    inputs : inputs of the backtest; their lots are those after the last day, and stay.
    Source : step-up in basis: 26 USC 1014; returns after taxes on distributions and sale: SEC Form N-1A, item 26(b)(3).
    """
    tax, desk, last = inputs.costs.tax, inputs.desk, len(inputs.market.dates) - 1
    if tax is None or not tax.charges or tax.at_end == "keep":
        return 0.0
    lots = desk.lots._replace(carried=desk.lots.carried.copy(), year=desk.lots.year.copy())
    long, short = np.zeros((2, len(lots.held)))
    for i in np.flatnonzero(lots.held if tax.at_end == "liquidate" else np.zeros(0)).tolist():
        price = float(inputs.sessions.closes[last, i])
        long[i], short[i], _, _ = gain(lots, desk.cost_parameters.method, i, price, np.inf, last)
    charges, sums = np.zeros((len(COST_COLUMNS), len(long))), (float(long.sum()), float(short.sum()))
    due = float(capital_gains_tax(lots, desk.cost_parameters, long + short, *sums, charges))
    return due if tax.loss_limit is None else due + float(tax_return(lots, desk.cost_parameters, desk.loss_limit))
