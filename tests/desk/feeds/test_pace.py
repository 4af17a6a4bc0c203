"""Turns at the pace of a source, by a clock that sleep moves."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider_server import Time

from desk.feeds.adapter import FeedError, RateLimits
from desk.feeds.pace import COUNTED, RequestPace


def turns(pace: RequestPace, count: int) -> np.ndarray:
    """The seconds at which so many turns are given, from the first on."""
    times = []
    for _ in range(count):
        pace.turn()
        times.append(pace.clock.steady())
    return np.array(times) - times[0]


@given(st.integers(1, 40), st.floats(0.01, 60.0))
def test_a_list_takes_the_time_that_the_rate_needs_and_no_window_has_too_many(requests: int, seconds: float) -> None:
    pace = RequestPace("source", RateLimits(requests, seconds), Path("nowhere"), Time().clock)
    times = turns(pace, 5 * requests + 1)
    assert times[-1] == pytest.approx(5 * seconds, rel=1e-4)  # 5 × requests in 5 × seconds
    assert np.all(times[requests:] - times[:-requests] >= seconds * (1 - 1e-6) - 1e-6)


def test_threads_share_one_rate() -> None:
    time = Time()
    pace = RequestPace("source", RateLimits(10, 1.0), Path("nowhere"), time.clock)
    began = time.seconds
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: pace.turn(), range(201)))
    assert time.seconds - began == pytest.approx(20.0, rel=0.02)
    assert pace.made == 201


def test_a_pause_holds_all_turns() -> None:
    pace = RequestPace("source", RateLimits(1, 0.0), Path("nowhere"), Time().clock)
    pace.turn()
    pace.pause(30.0)
    pace.pause(5.0)
    began = pace.clock.steady()
    pace.turn()
    assert pace.clock.steady() - began == pytest.approx(30.0)


def test_requests_of_a_day_are_counted_for_all_calls_and_begin_anew_at_midnight(tmp_path: Path) -> None:
    time, limits = Time("2022-12-30T22:00:00"), RateLimits(1, 0.0, a_day=3)
    turns(RequestPace("source", limits, tmp_path, time.clock), 2)
    later = RequestPace("source", limits, tmp_path, time.clock)
    assert later.used() == 2
    later.turn()
    with pytest.raises(
        FeedError, match=r"source allows 3 requests a day, and those of 2022-12-30 are used up"
    ) as error:
        later.turn()
    assert (error.value.kind, error.value.wait, later.made) == ("later", 7_200.0, 1)
    time.move(7_200.0)
    later.turn()
    assert json.loads((tmp_path / COUNTED).read_text()) == {"day": "2022-12-31", "requests": 1}


def test_a_damaged_count_begins_anew(tmp_path: Path) -> None:
    pace = RequestPace("source", RateLimits(1, 0.0, a_day=3), tmp_path, Time().clock)
    for content in ("", "[]", "[" * 100_000, "{}", '{"requests": null}', '{"requests": 1e999}'):
        (tmp_path / COUNTED).write_text(content.replace("{", '{"day": "2022-12-30", ').replace(", }", "}"))
        assert pace.used() == 0


def test_an_ended_list_gives_no_turn() -> None:
    pace = RequestPace("source", RateLimits(1, 0.0), Path("nowhere"), Time().clock)
    pace.ended.set()
    with pytest.raises(FeedError, match="the list ended before"):
        pace.turn()
    assert pace.made == 0
