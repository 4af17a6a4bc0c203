"""Today's list from the command line: a broker's positions, a price file, and the age of prices."""

import re
import shlex
import time
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from commanded import FILE, ROOT, TRADES, rebalance

from desk.commands.orders.trades import today_of

POSITIONS = ROOT / "data" / "portfolios" / "positions.csv"


def guide() -> list[str]:
    """The commands in the page on holdings."""
    text = (ROOT / "docs" / "holdings.md").read_text(encoding="utf-8")
    return re.findall(r"(?m)^    rebalance (.+)$", text)


def test_commands_of_the_page_on_holdings_work_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert len(guide()) == 2
    for words in guide():
        done = rebalance(*shlex.split(words))
        assert (done.status, done.said) == (0, ""), words
        assert "Sell SPY; buy AGG" in done.out


def test_a_list_on_old_prices_is_refused_and_made_with_a_mark() -> None:
    done = rebalance("trades", FILE, "--as-of", "2023-01-04")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("prices are too old for orders on 2023-01-04: SPY, AGG of 2022-12-29, 3 sessions ago")
    assert "(`--as-of`), or make it all the same with `--accept stale`" in done.err  # as_of and stale_ok elsewhere
    marked = rebalance("trades", FILE, "--as-of", "2023-01-04", "--accept", "stale")
    assert marked.status == 0
    assert marked.out.splitlines()[1].startswith("Stale prices: Sell SPY; buy AGG")


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Kiritimati"])
def test_today_is_that_of_the_exchange_wherever_the_machine_stands(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At two in the morning of Greenwich it is evening in New York, and on Kiritimati four in the afternoon."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for now in (datetime(2022, 12, 30, 2, tzinfo=UTC), datetime(2022, 12, 30, 2, tzinfo=UTC).astimezone()):
            assert today_of("", "XNYS", now) == pd.Timestamp("2022-12-29")
            assert today_of("", "XTKS", now) == pd.Timestamp("2022-12-30")
            assert today_of("2022-12-28", "XNYS", now) == pd.Timestamp("2022-12-28")
    finally:
        monkeypatch.undo()
        time.tzset()


def test_positions_of_a_broker_give_the_list_of_the_same_holdings() -> None:
    stated, given = rebalance(*TRADES, FILE), rebalance(*TRADES, FILE, "--positions", POSITIONS)
    kept = [line for line in given.out.splitlines() if not line.startswith("positions.csv")]
    assert kept == stated.out.splitlines()


def test_prices_are_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("asset,price,date\nSPY,400,2023-01-04\nAGG,100,2023-01-04\n")
    done = rebalance("trades", FILE, "--prices", tmp_path / "prices.csv", "--as-of", "2023-01-04")
    assert done.status == 0, done.err
    assert "Prices: price file of 2023-01-04." in done.out
    assert "Orders, sells first, at given prices" in done.out
    assert re.search(r"(?m)^SPY +sell +\d+ +400\.00 ", done.out)


def test_a_price_that_is_far_from_the_close_is_taken_where_the_desk_says_so(tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("asset,price,date\nSPY,38.344,2022-12-30\n")
    words = ("trades", FILE, "--prices", tmp_path / "prices.csv", "--as-of", "2022-12-30")
    done = rebalance(*words)
    assert (done.status, done.out) == (2, "")
    assert "the price of SPY is −90 % from the last close, 383.44: found '38.344'" in joined(done.err)
    assert "say so: `--accept SPY`, or `prices_ok: [SPY]` in the portfolio file." in joined(done.err)
    said = rebalance(*words, "--accept", "SPY")
    assert said.status == 0
    assert "the price of SPY, 38.344, is −90 % from the last close, 383.44; it is taken" in said.out
    assert said.out.index("it is taken") < said.out.index("Prices: price file")  # a page may show the first notes alone


def test_rates_are_those_of_the_command_line(tmp_path: Path) -> None:
    text = FILE.read_text(encoding="utf-8").replace("basis: USD", "basis: EUR\nfx: {EURUSD: 1.0}")
    (tmp_path / "desk.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "rates.csv").write_text("date,EURUSD\n2022-12-29,1.0664\n")
    given = rebalance(*TRADES, tmp_path / "desk.yaml", "--fx", "EURUSD=1.0664")
    filed = rebalance(*TRADES, tmp_path / "desk.yaml", "--fx", tmp_path / "rates.csv")
    assert (given.status, filed.status) == (0, 0), given.err + filed.err
    told = "Exchange rates: 1 USD = 0.9377344336 EUR (EURUSD, "
    assert f"{told}given today, of no date). The age of EURUSD is not known: no date is given." in joined(given.out)
    assert f"{told}rates.csv, 2022-12-29)." in joined(filed.out)
    assert given.out.split("Exchange rates")[0] == filed.out.split("Exchange rates")[0]


@pytest.mark.parametrize(
    ("fx", "said"),
    [
        ("EURUSD=1,0664", "fx is 'EURUSD=1,0664': write pairs with their rates"),
        ("EURUSD=1.06,EURUSD=1.07", "fx has EURUSD twice: found 1.06 and 1.07. Keep one of the two."),
        ("EURUSD=-1", "fx_today.EURUSD: "),
        ("EURGBP=0.9", "fx_today.EURGBP: a pair without USD, the basis"),
        ("nowhere.csv", "nowhere.csv"),
    ],
)
def test_rates_of_the_command_line_that_are_none_are_refused(fx: str, said: str) -> None:
    done = rebalance(*TRADES, FILE, "--fx", fx)
    assert (done.status, done.out) == (2, "")
    assert said in done.err


def joined(text: str) -> str:
    return " ".join(text.split())


def test_mistakes_of_both_the_file_and_its_rows_reach_the_desk(tmp_path: Path) -> None:
    (tmp_path / "positions.csv").write_text("Symbol,Quantity\nSPX,1\nAGG,-2\n")
    done = rebalance(*TRADES, FILE, "--positions", tmp_path / "positions.csv")
    assert (done.status, done.out) == (2, "")
    assert f"positions, or --positions (given beside {FILE}): positions.csv has 2 mistakes:\n- positions" in done.err
    assert "negative units of AGG: found -2.0" in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--accept", "XYZ,stale"),
            "--accept: not an asset of the portfolio, nor a pair of currencies: found 'XYZ'. Use SPY, AGG.\n",
        ),
        (("--cash", "1e30"), "--cash: not a number in bounds: found 1e+30. Give 0, or a number of 1e-30 to 1e+15.\n"),
        (
            ("--positions", POSITIONS, "--not-held", "XYZ"),
            "--not-held: not an asset of the portfolio: found 'XYZ'. Use SPY, AGG.\n",
        ),
    ],
)
def test_what_is_wrong_in_an_option_names_the_option(words: tuple[object, ...], said: str) -> None:
    done = rebalance(*TRADES, FILE, *words)
    assert (done.status, done.out, done.said) == (2, "", said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--only", "both"), "Invalid value for '--only'"),
        (("--only", "buys", "--withdraw", 5), "a withdrawal may need sales, and only buys are asked for"),
        (("--only", "sells", "--deposit", 5), "a deposit may need purchases, and only sells are asked for"),
        (("--deposit", "1e12"), "deposit is 1,000,000,000,000.00, more than 1,000 times the holdings and cash"),
        (("--deposit", "inf"), "deposit is inf: give an amount of money, at least 0."),
        (("--withdraw", "nan"), "withdraw is nan: give an amount of money, at least 0."),
        (("--withdraw", "1e12"), "withdrawal is 1,000,000,000,000.00: holdings and cash are worth 1,998,341.78"),
        (("--deposit", 5, "--withdraw", 4), "deposit is 5.00 and withdraw is 4.00: give the difference as one"),
    ],
)
def test_requests_that_cannot_be_are_refused(words: tuple[object, ...], said: str) -> None:
    done = rebalance(*TRADES, FILE, *words)
    assert (done.status, said in done.err) == (2, True), done.err
