"""Value of rules and learners on real markets: many cases, out of sample, with intervals over all of them."""

from backtests.studies.real_markets.cases import NAMED_CASES, Case, all_cases, case
from backtests.studies.real_markets.run_case import Budget
from backtests.studies.real_markets.study import (
    KEPT_AFTER_TAX,
    KEPT_EXPOSURE,
    KEPT_RULES,
    STUDY_FOLDER,
    Study,
    kept_study,
    run,
    study,
)

__all__ = [
    "KEPT_AFTER_TAX",
    "KEPT_EXPOSURE",
    "KEPT_RULES",
    "NAMED_CASES",
    "STUDY_FOLDER",
    "Budget",
    "Case",
    "Study",
    "all_cases",
    "case",
    "kept_study",
    "run",
    "study",
]
