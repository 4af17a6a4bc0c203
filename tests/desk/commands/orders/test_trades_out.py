"""A trade list is written to a new file or over a plain one, and over nothing that it is made from."""

import csv
import json
import os
import shlex
import socket
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest
import yaml
from commanded import FILE, ROOT, TRADES, rebalance

from desk.commands.orders.trades import check_out, save_trades
from desk.tickets.destination import check_destination
from desk.tickets.formats import FORMATS
from desk.tickets.formats.order_csv import COLUMNS
from desk.tickets.formats.ticket_json import BEGIN
from desk.tickets.ticket import make_ticket
from foundation.errors import ConfigError
from foundation.files import locked
from research.orders import TradeList, trade_list
from research.portfolio import Portfolio, load_portfolio
from research.rules import Never


def table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as opened:
        return list(csv.DictReader(opened))


HEADER = ",".join(COLUMNS)
PRICES = ROOT / "data" / "multi_asset_daily"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Portfolio:
    """The sixty-forty desk on files of its own: prices, quotes and volumes."""
    folder = tmp_path_factory.mktemp("desk")
    for name in ("prices_total_return", "close_unadjusted", "volume_shares"):
        (folder / f"{name}.csv").write_bytes((PRICES / f"{name}.csv").read_bytes())
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    content["market"] = {
        "file": "prices_total_return.csv",
        "quotes": "close_unadjusted.csv",
        "volumes": "volume_shares.csv",
        "missing": "halt",
    }
    (folder / "desk.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return load_portfolio(folder / "desk.yaml")


def socket_at(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))


MAKERS = {
    "a folder": Path.mkdir,
    "a link": lambda path: path.symlink_to("elsewhere.csv"),
    "a pipe": os.mkfifo,
    "a socket": socket_at,
}


@pytest.mark.parametrize("kind", MAKERS)
def test_what_is_no_plain_file_is_refused_and_stays(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    MAKERS[kind](path)
    before = path.lstat()
    done = rebalance(*TRADES, FILE, "--out", path)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"out is '{path}', which is {kind}: give the path of a new file")
    assert path.lstat() == before
    assert [found.name for found in tmp_path.iterdir()] == ["trades.csv"]


def test_a_link_to_a_plain_file_is_refused_and_the_file_stays(tmp_path: Path) -> None:
    (tmp_path / "kept.csv").write_text("kept")
    (tmp_path / "trades.csv").symlink_to("kept.csv")
    assert rebalance(*TRADES, FILE, "--out", tmp_path / "trades.csv").status == 2
    assert (tmp_path / "trades.csv").is_symlink()
    assert (tmp_path / "kept.csv").read_text() == "kept"


def test_a_device_is_refused_and_stays() -> None:
    before = os.stat("/dev/null")
    done = rebalance(*TRADES, FILE, "--out", "/dev/null")
    assert done.status == 2
    assert "out is '/dev/null', whose ending is that of no format: " in done.err
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert os.stat("/dev/null").st_ino == before.st_ino


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "out is '': give the path"),
        (".", "out is '.', whose ending is that of no format: use .csv, .json, .parquet, .xlsx, .html, .fix"),
        ("trades.txt", "out is 'trades.txt', whose ending is that of no format"),
        ("nowhere/trades.csv", "out is 'nowhere/trades.csv', in a folder that does not exist: make the folder"),
        (f"{FILE}/trades.csv", "in a folder that does not exist"),
        ("a" * 300 + ".csv", "File name too long"),
    ],
)
def test_a_path_that_cannot_be_a_file_is_refused_before_the_list_is_made(path: str, said: str) -> None:
    done = rebalance(*TRADES, FILE, "--out", path)
    assert (done.status, done.out) == (2, "")
    assert said in done.err


def test_a_zero_byte_in_a_path_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"out is 'a.x00b\.csv': give the path"):
        check_destination("out", "a\0b.csv")


def test_no_input_of_the_command_is_overwritten(desk: Portfolio, tmp_path: Path) -> None:
    folder, csv = Path(desk.file).parent, tmp_path / "link.csv"
    for name in ("desk.yaml", "prices_total_return.csv", "close_unadjusted.csv", "volume_shares.csv"):
        before = (folder / name).read_bytes()
        csv.hardlink_to(folder / name)
        for spelling in (folder / name, folder / ".." / folder.name / name, csv):
            done = rebalance(*TRADES, desk.file, "--out", spelling)
            assert (done.status, done.out) == (2, ""), spelling
            known = spelling.suffix == ".csv"
            said = (
                "which holds something else than a trade list: give" if known else "whose ending is that of no format"
            )
            assert said in done.err
        assert (folder / name).read_bytes() == before
        csv.unlink()


@pytest.mark.parametrize(
    "path",
    [
        PRICES / "prices_total_return.csv",
        ROOT / "data" / "cash_rate" / "dtb3.csv",
        ROOT / "data" / "portfolios" / "global_multi_asset.yaml",
        ROOT / "data" / "policies" / "universal" / "card.json",
    ],
    ids=lambda path: path.name,
)
def test_no_file_of_the_workbenchs_data_is_overwritten(path: Path) -> None:
    before = path.read_bytes()
    done = rebalance(*TRADES, FILE, "--out", path)
    assert done.status == 2
    assert path.suffix == ".yaml" or "which holds something else than a trade list" in done.err
    assert path.read_bytes() == before


def test_no_file_of_a_run_is_overwritten(tmp_path: Path) -> None:
    run = tmp_path / "reports" / "desk-2022-12-29-00000000"
    (run / "policies" / "rl").mkdir(parents=True)
    for name, text, said in (
        ("manifest.json", "{}", "something else than a trade list"),
        ("trades.csv", f"{HEADER}\n", "which belongs to the run desk-2022-12-29-00000000"),
        ("trades.json", BEGIN, "which belongs to the run desk-2022-12-29-00000000"),
        ("policies/rl/card.json", "{}", "something else than a trade list"),
    ):
        (run / name).write_text(text)
        with pytest.raises(ConfigError, match=said):
            check_out([str(run / name)], tmp_path / "reports")
        assert (run / name).read_text() == text


def test_a_file_that_is_no_list_is_not_taken_for_one(tmp_path: Path) -> None:
    """Whatever a slip of the hand names: only a list of ours, or an empty file, is replaced."""
    path = tmp_path / "f.csv"
    for text in ("priority,side", "[project]\n", f"{HEADER.title()}\n", f"\ufeff{HEADER}\n"):
        path.write_text(text)
        with pytest.raises(ConfigError, match="something else than a trade list"):
            check_destination("out", path)
    path.write_text("")
    assert check_destination("out", path) == path


def test_a_notebook_is_refused_alike(desk: Portfolio) -> None:
    trades = trade_list(desk, Never(desk.strategic))
    assert save_trades(trades, [""]) == "Nothing was written: `out` is empty."
    with pytest.raises(ConfigError, match="whose ending is that of no format"):
        save_trades(trades, [desk.file])
    with pytest.raises(ConfigError, match="something else than a trade list"):
        save_trades(trades, [str(Path(desk.file).parent / "volume_shares.csv")])


def test_a_new_file_and_an_earlier_list_are_written(tmp_path: Path) -> None:
    csv = tmp_path / "trades.csv"
    for _ in range(2):
        done = rebalance(*TRADES, FILE, "--out", csv)
        assert done.status == 0, done.err
        assert done.out.endswith(f"Written to {csv}.\n")
        assert csv.read_text().startswith(f"{HEADER}\n")
        csv.write_text(f"{csv.read_text()}old")
    assert [found.name for found in tmp_path.iterdir()] == ["trades.csv"]


def test_a_list_is_written_in_each_format_that_is_asked_for(tmp_path: Path) -> None:
    paths = [tmp_path / f"list{ending}" for ending in FORMATS if ending != ".oms.csv"]
    done = rebalance(*TRADES, FILE, *(word for path in paths for word in ("--out", path)))
    assert done.status == 0, done.err
    assert done.out.endswith(f"Written to {', '.join(map(str, paths))}.\n")
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_nothing_is_written_where_one_format_is_refused(tmp_path: Path) -> None:
    done = rebalance(*TRADES, FILE, "--out", tmp_path / "a.csv", "--out", tmp_path / "a.oms.csv")
    assert (done.status, done.out) == (2, "")
    assert "an OMS allocation cannot carry the order to sell SPY: it has no account to be allocated to." in done.err
    assert not list(tmp_path.iterdir())


def test_the_list_is_written_before_it_is_printed(tmp_path: Path) -> None:
    """Who pipes the text into `head` gets the whole file all the same; who closed the output too."""
    for k, closing in enumerate(("| true", ">&-")):
        words = [sys.executable, "-c", "from desk.cli import main; main()", *TRADES, str(FILE), "--out"]
        command = f"{shlex.join([*words, str(tmp_path / f'{k}.csv')])} {closing}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, check=False)
        assert "Traceback" not in done.stderr
    assert (tmp_path / "0.csv").read_bytes() == (tmp_path / "1.csv").read_bytes() != b""


def test_lists_that_are_written_to_the_same_names_at_once_leave_the_files_of_one(
    desk: Portfolio, tmp_path: Path
) -> None:
    """Two of another cash each, twenty times: the CSV and the JSON that are left are of one list, by its id."""
    lists = [trade_list(replace(desk, cash=cash), desk.policies["threshold"]) for cash in (40_000.0, 90_000.0)]
    names, ids = (
        [str(tmp_path / name) for name in ("trades.csv", "trades.json")],
        [make_ticket(made).list_id for made in lists],
    )
    assert len(set(ids)) == 2
    for _ in range(20):
        start = Barrier(2)

        def write(made: TradeList, start: Barrier = start) -> None:
            start.wait()
            save_trades(made, names)

        with ThreadPoolExecutor() as pool:
            list(pool.map(write, lists))
        rows = table(tmp_path / "trades.csv")
        assert {row["list_id"] for row in rows} == {json.loads((tmp_path / "trades.json").read_text())["hash"][:16]}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["trades.csv", "trades.json"]


def test_a_list_waits_for_another_that_is_written_to_one_of_its_names(desk: Portfolio, tmp_path: Path) -> None:
    made, path = trade_list(desk, Never(desk.strategic)), tmp_path / "trades.json"
    with ThreadPoolExecutor() as pool:
        with locked(tmp_path / ".trades.json.lock", wait=True):
            waiting = pool.submit(save_trades, made, [str(tmp_path / "trades.csv"), str(path)])
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
            assert not path.exists()
        assert waiting.result().startswith("Written to ")
    assert path.exists()
