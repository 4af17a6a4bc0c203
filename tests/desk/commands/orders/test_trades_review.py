"""`rebalance trades FILE --review` makes no orders."""

from pathlib import Path

from commanded import FILE, TRADES, rebalance


def test_review_is_printed_and_nothing_is_written(tmp_path: Path) -> None:
    done = rebalance(*TRADES, FILE, "--review")
    assert done.status == 0
    assert done.out.startswith(
        "Review of 'Sixty-forty' under policy 'threshold', as of 2022-12-29\nWould trade today: "
    )
    assert "No orders: nothing of this review is to be sent." in done.out
    assert "Trade list" not in done.out


def test_review_and_a_file_of_orders_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    done = rebalance(*TRADES, FILE, "--review", "--out", path)
    assert done.status != 0
    assert done.err.strip() == "--review makes no orders, and --out writes them: leave one of the two out."
    assert not path.exists()
