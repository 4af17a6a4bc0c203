"""Claims by hand, on a study made up."""

import numpy as np
import pytest

from backtests.studies.real_markets.claims import claim_sentences, claims
from backtests.studies.real_markets.study import Study


def with_figures(made: Study, **figures: list[float]) -> Study:
    """ppo's figures in the three windows; those of the calendar are 10 orders, 0.2, 0.01, 0.5 and -0.3."""
    table = made.table.copy()
    for name, values in figures.items():
        for window, value in zip((2010, 2013, 2016), values, strict=True):
            table.loc[(table["rule"] == "ppo") & (table["window"] == window), name] = value
    return Study(table, made.manifest)


def test_claims_are_means_over_cases(made: Study) -> None:
    study = with_figures(made, sharpe=[0.6, 0.5, 0.7], max_drawdown=[-0.2, -0.3, -0.4], trades=[20.0, 20.0, 20.0])
    found = claims(study, "ppo").set_index("claim")
    assert found.loc["a higher Sharpe ratio", "difference"] == pytest.approx(0.1)
    reach = 4.302652729911275 * 0.1 / np.sqrt(3.0)  # Student's t with two degrees of freedom, at 97.5 %
    assert found.loc["a higher Sharpe ratio", "upper"] == pytest.approx(0.1 + reach)
    assert found.loc["a smaller drawdown", "difference"] == pytest.approx(0.0, abs=1e-12)
    assert found.loc["a smaller drawdown", "lower"] == pytest.approx(-100.0 * reach)
    assert found.loc["fewer orders", ["difference", "lower", "upper"]].tolist() == pytest.approx([100.0] * 3)
    turnover = 100.0 * (np.exp(np.log(np.array([0.15, 0.16, 0.17]) / 0.2).mean()) - 1.0)
    assert found.loc["less turnover", "difference"] == pytest.approx(turnover)
    assert (found["cases"] == 3).all()


def test_the_sentences_count_the_cases_that_reach_the_claim(made: Study) -> None:
    first, second = claim_sentences(with_figures(made, sharpe=[0.574, 0.576, 0.7]), "ppo")
    assert first.startswith("ppo beside month, in 3 cases: a higher Sharpe ratio: +0.117 [")
    assert second == "Its Sharpe ratio is higher by 15 % or more in 2 of 3 cases."
    lost = made.table.assign(sharpe=np.where(made.table["rule"] == "ppo", -0.4, -0.5))
    assert claim_sentences(Study(lost, made.manifest), "ppo")[1].endswith("in 3 of 3 cases.")
