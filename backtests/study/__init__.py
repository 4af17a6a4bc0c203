"""What rules and learners are worth on real markets: many cases, out of sample, with intervals over all of them."""

from backtests.study.cases import NAMED, Case, all_cases, case
from backtests.study.playing import Budget
from backtests.study.running import KEPT, KEPT_EXPOSURE, Study, run, study

__all__ = ["KEPT", "KEPT_EXPOSURE", "NAMED", "Budget", "Case", "Study", "all_cases", "case", "run", "study"]
