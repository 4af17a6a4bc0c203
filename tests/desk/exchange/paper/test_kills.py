"""Two processes that place orders on one account and are killed at drawn moments."""

from pathlib import Path

from journals import killed
from paper_desk import LISTED, check_replay, paper, placing


def test_kills_lose_no_order_double_none_and_leave_none_half_booked(tmp_path: Path) -> None:
    paper(tmp_path).close()  # the hours of the exchange are looked up once, and the processes have them
    kept = killed(tmp_path, kills=6, work=placing)
    assert check_replay(tmp_path, kept) >= 4 * LISTED
