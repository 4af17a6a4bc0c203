"""The table of formats: an ending has one format, a file of a format is known as one, and writes are whole."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from desk.tickets import make_ticket
from desk.tickets.destination import check_destination
from desk.tickets.formats import FORMATS, alpaca, format_of, ib_basket, oms, order_csv, ticket_json, write_ticket
from desk.tickets.ticket import Ticket
from foundation.errors import ConfigError
from research.orders import trade_list
from research.portfolio import Portfolio
from research.rules import Never, Threshold


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("lists/trades.csv", order_csv),
        ("TRADES.CSV", order_csv),
        ("2022-12-29.ib.csv", ib_basket),
        ("ib.csv", ib_basket),
        ("a.oms.csv", oms),
        ("calibrib.csv", order_csv),
        ("a.json", ticket_json),
        ("a.alpaca.json", alpaca),
    ],
)
def test_the_longest_ending_decides(path: str, module: Any) -> None:
    assert format_of("out", path).write is module.write


@pytest.mark.parametrize("path", ["trades", "trades.txt", "trades.csv.gz", "csv/trades"])
def test_another_ending_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match=r"^out is '.*', whose ending is that of no format: use \.csv, \.json, "):
        format_of("out", path)


@pytest.mark.parametrize("kind", ["market", "holds"])
@pytest.mark.parametrize("ending", FORMATS)
def test_a_file_is_known_by_its_own_format_and_no_other(
    tickets: Callable[[str], Ticket], tmp_path: Path, ending: str, kind: str
) -> None:
    path, ticket = tmp_path / f"list{ending}", tickets(kind)
    for found in FORMATS:
        path.write_bytes(FORMATS[found].write(ticket))
        if found == ending or not path.stat().st_size:
            assert check_destination("out", path) == path
        else:
            with pytest.raises(ConfigError, match="holds something else than a trade list"):
                check_destination("out", path)


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("content", [b"notes\n", b"PAR1PAR1", b"PK\x03\x04", b"\xff\xfe\x00", b"8=FIX.4.4\x01", b"{}"])
def test_a_file_of_somebody_else_is_not_replaced(tmp_path: Path, ending: str, content: bytes) -> None:
    path = tmp_path / f"list{ending}"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="holds something else than a trade list"):
        check_destination("out", path)


def test_a_basket_of_somebody_else_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.ib.csv"
    path.write_bytes(ib_basket.BASKET_HEADER + b"BUY,100,IBM,STK,SMART,USD,DAY,MKT,,Basket,DU1\n")
    with pytest.raises(ConfigError, match="holds something else than a trade list"):
        check_destination("out", path)


@pytest.mark.parametrize("ending", FORMATS)
def test_the_same_list_gives_the_same_bytes(two: Portfolio, tmp_path: Path, ending: str) -> None:
    made = []
    for run in ("a", "b"):
        got = trade_list(two, Threshold(two.strategic, 0.02))
        if ending != ".oms.csv":  # which needs an account
            made.append(write_ticket(make_ticket(got), tmp_path / f"{run}{ending}").read_bytes())
    assert len(set(made)) <= 1


def test_failed_write_leaves_the_old_file_and_nothing_else(
    two: Portfolio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "trades.csv"
    path.write_text("old")

    def broken(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(OSError, match="disk full"):
        write_ticket(make_ticket(trade_list(two, Never(two.strategic))), path)
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["trades.csv"]
