"""The words of a risk sheet: whole sentences, also where a figure is not defined."""

from dataclasses import replace

import pytest

from backtests.evaluation.holdings_risk import HoldingsRisk, holdings_risk
from backtests.pages.risk_sheet import risk_warnings, source_words
from research.portfolio import load_portfolio
from research.rules import Never


@pytest.fixture(scope="module")
def risk() -> HoldingsRisk:
    portfolio = load_portfolio("data/portfolios/sixty_forty.yaml")
    return holdings_risk(portfolio, {"never": Never(portfolio.strategic)}, paths=500)


@pytest.mark.parametrize(("known", "unknown"), [("lines", "bets"), ("bets", "lines")])
def test_sources_are_whole_sentences_where_a_number_is_not_known(risk, known, unknown) -> None:
    both, one = source_words(risk), source_words(replace(risk, **{unknown: float("nan")}))
    of = {"lines": "equal lines", "bets": "uncorrelated lines of equal risk"}
    assert of[known] in one
    assert of[unknown] not in one
    assert all(words in both for words in of.values())
    for said in (both, one, source_words(replace(risk, lines=float("nan"), bets=float("nan")))):
        assert said.endswith(".")
        assert ". , " not in said
        assert all(sentence[0].isupper() for sentence in said.split(". ") if not sentence[0].isdigit())


def test_what_is_not_defined_is_named_in_words(risk) -> None:
    undefined = {"active": "the holdings are the target.", "one day, historical, 0.99": "too few returns."}
    said = risk_warnings(replace(risk, undefined=undefined))
    assert "No contributions to tracking error: the holdings are the target." in said
    assert "No loss (one day, historical, 0.99): too few returns." in said
