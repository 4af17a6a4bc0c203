"""Two processes that send one ticket and are killed: no order is lost, doubled or half booked."""

import random
import tempfile
from pathlib import Path

import pytest
from journals import IN_MEMORY
from killed_executions import check_nothing_lost_or_doubled, killed, opened, ticket_to


def test_kills_of_two_processes_that_send_a_ticket(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m benchmarks.execute` kills 200 times over some 1,000 orders."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as place:
        folder = Path(place)
        monkeypatch.setenv("REBALANCE_HOME", place)
        file, units, cash = opened(folder)
        ticket = ticket_to(file, seed=0)
        killed(ticket, 12, random.Random(1))
        assert check_nothing_lost_or_doubled(folder, units, cash, [ticket]) >= 20
