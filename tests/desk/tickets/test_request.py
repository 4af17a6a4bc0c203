"""Requests beside a policy's decision: money that comes or goes, one side alone, and what excludes each other."""

from typing import Any

import pytest

from desk.tickets.request import request_of
from foundation.errors import ConfigError
from research.orders import Request


@pytest.mark.parametrize(
    ("given", "request_"),
    [
        pytest.param({}, Request(), id="nothing"),
        pytest.param({"deposit": 5.0, "side": "buy"}, Request(5.0, "buy"), id="a deposit that only buys"),
        pytest.param({"withdraw": 5.0, "side": "sell"}, Request(-5.0, "sell"), id="a withdrawal that only sells"),
        pytest.param(
            {"to_target": True, "account": "ira"}, Request(0.0, "", True, "ira"), id="to target, in an account"
        ),
    ],
)
def test_a_deposit_is_above_zero_and_a_withdrawal_below(given: dict[str, Any], request_: Request) -> None:
    assert request_of(**given) == request_


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({"deposit": -1.0}, "deposit is -1.0: give an amount of money, at least 0", id="below zero"),
        pytest.param({"withdraw": "5"}, "withdraw is '5': give an amount", id="no amount"),
        pytest.param({"deposit": 1.0, "withdraw": 2.0}, "give the difference as one", id="both"),
        pytest.param({"withdraw": 1.0, "side": "buy"}, "a withdrawal may need sales", id="a withdrawal that only buys"),
        pytest.param({"deposit": 1.0, "side": "sell"}, "a deposit may need purchases", id="a deposit that only sells"),
        pytest.param({"side": "both"}, "side of a trade list is 'both'", id="no side"),
    ],
)
def test_what_excludes_each_other_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        request_of(**given)
