"""The tax on a sale of all that is held, and the tax that is due after the last day, as `Tax.at_end` says."""

import numpy as np

from backtests.engine.inputs import EngineInputs
from foundation.arrays import Array
from foundation.compiled import compiled
from research.accounting.cost_parameters import COST_COLUMNS, CostParameters, Lots
from research.accounting.tax_lots import capital_gains_tax, gain, tax_return


def tax_of_all(lots: Lots, cost_parameters: CostParameters, prices: Array, t: int) -> float:
    """The tax if all lots were sold, less the losses carried, currency.

    lots            : their carried losses, and the sums of the year, are written; the units stay.
    cost_parameters : the rates, and the order in which units are sold.
    prices          : (n,) currency per unit.
    t               : row of the market.
    """
    long, short = _gains_of_all(lots, cost_parameters.method, prices, t)
    charges, sums = np.zeros((len(COST_COLUMNS), len(long))), (float(long.sum()), float(short.sum()))
    return float(capital_gains_tax(lots, cost_parameters, long + short, *sums, charges))


@compiled
def _gains_of_all(lots: Lots, method: int, prices: Array, t: int) -> Array:
    """(2, n) long-term and short-term gains if all lots were sold, currency; arguments as of `tax_of_all`."""
    gains = np.zeros((2, len(lots.held)))
    for i in range(len(lots.held)):
        if lots.held[i] > 0:
            gains[0, i], gains[1, i], _, _ = gain(lots, method, i, prices[i], np.inf, t)
    return gains


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
    lots, due = unwritten(desk.lots), 0.0
    if tax.at_end == "liquidate":
        due = tax_of_all(lots, desk.cost_parameters, inputs.sessions.closes[last], last)
    return due if tax.loss_limit is None else due + float(tax_return(lots, desk.cost_parameters, desk.loss_limit))


def unwritten(lots: Lots) -> Lots:
    """The same lots, with sums of their own that may be written."""
    return lots._replace(carried=lots.carried.copy(), year=lots.year.copy())
