"""`rebalance adopt`: the recommended policy stands in the file, whose other text stays; else nothing is written."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commanded import FILE, ROOT, TRADES, rebalance
from faults import as_any_user
from full_runs import full_run

from desk.commands.orders.trades import policy_now
from foundation.home import HOME
from research.portfolio import load_portfolio

Desk = Callable[..., Path]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A file in a folder of its own, with a report whose facts are given; without facts there is none."""
    monkeypatch.setenv(HOME, str(tmp_path / "home"))

    def made(*changes: tuple[str, str], **facts: Any) -> Path:
        text = FILE.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "desk.yaml").write_text(text)
        if facts:
            full_run(load_portfolio(tmp_path / "desk.yaml"), tmp_path / "home" / "reports", **facts)
        return tmp_path / "desk.yaml"

    return made


def test_the_recommended_policy_is_written_and_all_else_stays(desk: Desk) -> None:
    file = desk(recommendation={"policy": "yearly"}, fitted={})
    done = rebalance("adopt", file)
    assert done.status == 0, done.err
    assert f"{file} had policy: threshold, and has policy: yearly, as report desk-2022-12-29-" in done.out
    assert file.read_text() == FILE.read_text().replace("\npolicy: threshold", "\npolicy: yearly")
    listed = rebalance(*TRADES, file)
    assert "recommends" not in listed.out
    assert "by policy 'yearly'" in listed.out


def test_a_report_serves_the_file_that_took_its_advice(desk: Desk) -> None:
    """A tuned policy is as the report fitted it: none has to be made again."""
    fitted = {"tuned": {"band": 0.05, "within": 0.01, "seen": "2021-06-30"}}
    file = desk(recommendation={"policy": "tuned"}, fitted=fitted)
    assert rebalance("adopt", file).status == 0
    rule, name, run = policy_now(load_portfolio(file))
    assert (name, rule.band, run.startswith("desk-")) == ("tuned", 0.05, True)
    again = rebalance("adopt", file)
    said = f"{file} already follows tuned, as report {run} recommends: nothing is to be adopted.\n"
    assert (again.status, again.said) == (2, said)


def test_a_file_without_a_policy_gets_one_before_its_first_key(desk: Desk) -> None:
    file = desk(("policy: threshold\n", ""), recommendation={"policy": "yearly"}, fitted={})
    assert "had no policy, and has policy: yearly" in rebalance("adopt", file).out
    assert "to pay.\n\npolicy: yearly\nname: Sixty-forty\n" in file.read_text()
    assert load_portfolio(file).policy == "yearly"


@pytest.mark.parametrize(
    ("advised", "change", "said"),
    [
        ("", None, "there is no report of {file}. Run `rebalance report {file}`, and read what it says."),
        ("yearly", ("penalty: 5", "penalty: 7"), "the text of {file} changed since report desk-2022-12-29-"),
        ("threshold", None, "{file} already follows threshold, as report desk-2022-12-29-"),
        (None, None, "recommends no policy: nothing can be adopted."),
    ],
)
def test_where_nothing_is_to_be_adopted_the_file_stays(
    desk: Desk, advised: str | None, change: tuple[str, str] | None, said: str
) -> None:
    file = desk(**({} if advised == "" else {"recommendation": {"policy": advised}, "fitted": {}}))
    file.write_text(text := file.read_text().replace(*change or ("", "")))
    done = rebalance("adopt", file)
    assert (done.status, file.read_text()) == (2, text)
    assert said.format(file=file) in " ".join(done.said.split())


def test_a_file_that_is_read_only_stays(desk: Desk) -> None:
    file = desk(recommendation={"policy": "yearly"}, fitted={})
    file.chmod(0o444)
    done = rebalance("adopt", file)
    assert (done.status, file.read_text(), file.stat().st_mode & 0o777) == (2, FILE.read_text(), 0o444)
    said = "cannot be written (it is read-only), and stays as it is. Make it writable, or write `policy: yearly` into a"
    assert f"{file} {said} copy.\n" == done.said


def test_a_file_in_a_folder_that_is_read_only_stays(desk: Desk) -> None:
    file = desk(recommendation={"policy": "yearly"}, fitted={})
    file.parent.chmod(0o555)
    words = [sys.executable, "-m", "desk.cli", "adopt", str(file)]
    done = subprocess.run(words, cwd=ROOT, preexec_fn=as_any_user, capture_output=True, text=True, check=False)
    file.parent.chmod(0o755)
    assert (done.returncode, done.stdout, file.read_text()) == (2, "", FILE.read_text())
    said = "cannot be written (Permission denied), and stays as it is. Make it writable, or write `policy: yearly`"
    assert f"{file} {said} into a copy.\n" in done.stderr


def test_newer_prices_ask_for_a_new_report(desk: Desk) -> None:
    file = desk(recommendation={"policy": "yearly"}, fitted={})
    file.write_text(text := file.read_text().replace("market: multi_asset_daily", "market: us_etf_ohlcv"))
    done = rebalance("adopt", file)
    assert f"the prices of {file} changed since report" in " ".join(done.said.split())
    assert (done.status, file.read_text()) == (2, text)
