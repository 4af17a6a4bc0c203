"""The money of one backtest, followed: the record that `Backtest.reconcile` gives."""

import pandas as pd

from foundation.dataclasses import dataclass
from foundation.tolerances import WEIGHT
from research.accounting.cost_parameters import COST_COLUMNS, HOLDING_COSTS


@dataclass(frozen=True, eq=False)
class Reconciliation:
    """The money of one backtest, currency.

    name    : name of the backtest.
    daily   : a row for each close, the opening's first: start, market, interest, income, flows, each cost, end, and the
              unexplained rest; currency.
    by_line : a row for each asset and one for cash: start, market (of cash: interest), income (of an asset: paid to
              cash), traded, each cost (paid by cash), flows, end; currency. An asset ends at start + market + traded;
              cash at start + interest + all income - all traded - all costs + flows.
    largest : the largest residual of a day, of an asset on a day, or of the totals, as a fraction of NAV.
    worst   : the close of the day with the largest residual.
    """

    name: str
    daily: pd.DataFrame
    by_line: pd.DataFrame
    largest: float
    worst: pd.Timestamp

    @property
    def holds(self) -> bool:
        """True if every residual is rounding."""
        return self.largest <= WEIGHT

    @property
    def verdict(self) -> str:
        """One line for a tearsheet."""
        total = self.daily[[c for c in self.daily if c not in ("start", "end", "residual")]].sum()
        paid = float(total[[*COST_COLUMNS, *HOLDING_COSTS]].sum())
        parts = [f"start {self.daily['start'].iloc[0]:z,.2f}", f"market {total['market']:+z,.2f}"]
        parts += [f"{word} {total[word]:+z,.2f}" for word in ("interest", "income", "flows") if total[word] != 0.0]
        said = f"{', '.join(parts)}, costs {-paid:+z,.2f}, end {self.daily['end'].iloc[-1]:z,.2f}"
        if self.holds:
            return f"Reconciles on every day and asset: {said}; largest residual {self.largest:.0e} of NAV."
        return f"DOES NOT RECONCILE, by {self.largest:.1e} of NAV, the most on {self.worst:%Y-%m-%d}: {said}."

    def __repr__(self) -> str:
        """The lines and the verdict, as text."""
        return f"{self.by_line.to_string(float_format=lambda v: f'{v:z,.2f}')}\n{self.verdict}"
