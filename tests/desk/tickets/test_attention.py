"""Accounts that need a person: conflicts, breaches, the largest drifts, and failures by reason."""

import numpy as np
import pytest
from by_hand import Desk

from desk.tickets.attention import BREACH, CONFLICT, DRIFT, SHOWN_ACCOUNTS, Attention, Concern
from foundation.dataclasses import replace
from research.orders import trade_list
from research.orders.lots.conflicts import CONFLICTING
from research.rules import Threshold


@pytest.mark.parametrize(
    ("upper", "breach"),
    [
        pytest.param(1.0, None, id="within its range"),
        pytest.param(
            0.58,
            "A is at 60.00 %, outside its range of 0.00 % to 58.00 % by 2.00 points: the policy holds",
            id="outside",
        ),
    ],
)
def test_an_account_drifts_most_in_one_asset_and_may_break_a_range(
    desk: Desk, upper: float, breach: str | None
) -> None:
    made = desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5])
    held = replace(made, upper=np.array([upper, 1.0]))
    found = Attention.of_list("U1", "model", trade_list(held, Threshold(made.strategic, 0.2), "band"))
    ((drift,), told) = found.largest[DRIFT], found.largest.get(BREACH, ())
    assert drift == (pytest.approx(0.15), "U1", "model", "B at 35.00 %, was 35.00 %, target 50.00 %")
    assert found.counts == {DRIFT: 1} | ({BREACH: 1} if breach else {})
    assert [(each.size, each.words) for each in told] == ([(pytest.approx(0.02), breach)] if breach else [])


def test_the_largest_of_all_are_kept_and_read_again() -> None:
    parts = [
        Attention({DRIFT: 1}, {DRIFT: (Concern(k / 100, f"U{k}", "m", ""),)}, {"reason": 1})  # type: ignore[arg-type]
        for k in range(SHOWN_ACCOUNTS + 5)
    ]
    whole = sum(map(Attention.read, map(Attention.plain, parts)), Attention())
    assert (whole.counts[DRIFT], whole.reasons["reason"]) == (SHOWN_ACCOUNTS + 5,) * 2
    assert [each.account for each in whole.largest[DRIFT]] == [f"U{k}" for k in range(SHOWN_ACCOUNTS + 4, 4, -1)]
    assert Attention.read(whole.plain()) == whole


def test_failures_are_counted_by_reason_whatever_their_numbers_and_conflicts_are_named() -> None:
    first, second = (Attention.of_failure("U1", "m", f"cash is {amount}: negative") for amount in ("-5.10", "-7"))
    assert (first + second).reasons.most_common(1)[0][1] == 2
    assert first.largest == {}
    found = Attention.of_failure("U2", "m", f"{CONFLICTING}: shares at most 40 %; shares at least 50 %")
    assert found.counts == {CONFLICT: 1}
    assert found.largest[CONFLICT][0].words == "shares at most 40 %; shares at least 50 %"
