"""What commands print is read on any terminal, and what cannot be done is a sentence, never a traceback."""

import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from commanded import FILE, ROOT, TRADES, rebalance
from needed import LINUX

from backtests.runs.tasks import MOST_WORKERS
from desk.commands.orders import trades

REBALANCE = [sys.executable, "-c", "from desk.cli import main; main()"]
SWEEP = ROOT / "data" / "sweeps" / "thresholds.yaml"
HUGE = "99999999999999"
LEARNED = ROOT / "data" / "portfolios" / "global_multi_asset.yaml"  # has a policy with seeds


def controls(text: str) -> list[str]:
    return [c for c in text if unicodedata.category(c) == "Cc" and c not in "\n\t"]


# -- encodings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
@pytest.mark.parametrize(
    "words", [[*TRADES, FILE], ["research", "policies"], ["trades", "–.yaml"], ["research", "sweep", "≤.yaml"]]
)
def test_output_appears_in_every_encoding(words: list[object], encoding: str) -> None:
    whole, done = rebalance(*words), rebalance(*words, encoding=encoding)
    assert done.status == whole.status
    assert done.out.count("\n") == whole.out.count("\n")
    told, said = done.said, whole.said
    assert told.count("\n") == said.count("\n")
    assert done.out or told
    if encoding == "utf-8":
        return
    plain = (whole.out + said).encode(encoding, errors="ascii signs").decode(encoding)
    assert done.out + told == plain
    assert "?" not in plain


def test_columns_of_a_table_stay_aligned_where_signs_are_replaced() -> None:
    one, other = (rebalance(*TRADES, FILE, encoding=encoding).out.splitlines() for encoding in ("utf-8", "ascii"))
    assert list(map(len, one)) == list(map(len, other))
    assert one != other


def test_a_desk_without_utf8_has_its_list() -> None:
    environment = os.environ | {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([*REBALANCE, *TRADES, str(FILE)], cwd=ROOT, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b" - buys " in done.stdout
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["--help"], *([name, "--help"] for name in ("report", "trades"))], ids=str)
def test_help_is_plain_ascii_where_nothing_else_can_be_shown(words: list[str]) -> None:
    done = rebalance(*words, encoding="ascii")
    assert (done.status, done.said) == (0, "")
    assert "Usage:" in done.out


# -- control characters ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ["trades", "\x1b[31m\x07.yaml"],
        ["trades", "\x9b2J\u202efdp.yaml"],
        ["research", "backtest", FILE, "--policy", "\x1b]0;title\x07"],
        ["research", "sweep", "\x1b[2J.yaml"],
        ["research", "policies", "\x1b[2J"],
        ["research", "study", "\x1b[2J"],
        ["report", FILE, "-p", "\x1b[2J=1"],
        ["\x1b[2J"],  # what typer says
        [*TRADES, FILE, "\x1b[2J"],
    ],
    ids=ascii,
)
def test_no_escape_of_an_argument_reaches_the_terminal(words: list[object]) -> None:
    done = rebalance(*words)
    assert done.status == 2
    assert not controls(done.out + done.err)
    assert "\u202e" not in done.err
    assert "\\x" in done.err


def test_no_escape_of_a_name_reaches_the_terminal_or_the_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from desk.commands import sweep

    real = sweep.sweep_text
    monkeypatch.setattr(sweep, "sweep_text", lambda *given, **named: f"{real(*given, **named)}\n\x1b[31m\u202eevil\x07")
    file = tmp_path / "two.yaml"
    file.write_text(f"portfolio: {FILE}\nrules: {{threshold: {{band: [0.02, 0.03]}}}}\n", encoding="utf-8")
    done = rebalance("research", "sweep", file, "--home", tmp_path)
    assert done.status == 0, done.err
    (summary,) = tmp_path.glob("reports/*/summary.txt")
    for text in (done.out, summary.read_text(encoding="utf-8")):
        assert not controls(text)
        assert "\\x1b[31m\\u202eevil\\x07" in text


# -- what cannot be done -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["research", "laboratory", "--paths", HUGE],
            "paths is 99999999999999: give a whole number from 6 to 1,000,000",
        ),
        (["research", "laboratory", "--seed", "-1"], "seed is -1: give a whole number from 0 to"),
        (["research", "laboratory", "--seed", HUGE], "seed is 99999999999999: give a whole number from 0 to"),
        (
            ["research", "laboratory", "--workers", HUGE],
            "workers is 99999999999999: give a whole number, at least 1 and at most",
        ),
        (["research", "sweep", SWEEP, "--workers", HUGE], "workers is 99999999999999: give a whole number"),
        (["research", "sweep", SWEEP, "--workers", MOST_WORKERS + 1], "workers is 1025: give a whole number"),
        (["research", "sweep", SWEEP, "--workers", "0"], "workers is 0: give a whole number"),
        (["research", "study", "--workers", HUGE], "workers is 99999999999999: give a whole number"),
        (["research", "study", "--workers", "-3"], "workers is -3: give a whole number"),
        (
            ["report", FILE, "-p", f"draws={HUGE}"],
            "draws of a bootstrap is 99999999999999: give a whole number from 100 to 1,000,000",
        ),
        (["report", FILE, "-p", f"rl_steps={HUGE}"], "rl_steps is 99999999999999: give training steps"),
        (["report", LEARNED, "-p", f"rl_seeds={HUGE}"], "rl_seeds is 99999999999999"),
        (["report", FILE, "-p", f"draws={'9' * 400}"], "write a value such as 1000"),
        (["report", FILE, "-p", f"draws={'9' * 5_000}"], "write a value such as"),
        (["research", "laboratory", "--paths", "9" * 400], "paths is 999"),
        (["research", "laboratory", "--paths", "9" * 5_000], "Unable to parse input string as an integer"),
    ],
    ids=lambda given: str(given)[:60],
)
def test_an_absurd_count_is_refused_in_a_sentence(words: list[object], said: str, tmp_path: Path) -> None:
    left = sorted(tmp_path.parent.iterdir())
    done = rebalance(*words)
    assert done.status == 2
    assert said in re.sub(r"\s+", " ", done.err)
    assert "Traceback" not in done.err
    assert sorted(tmp_path.parent.iterdir()) == left


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError("Unable to allocate 1.82 PiB"), "more memory than this machine has (Unable to allocate 1.82 PiB)"),
        (OverflowError("int too large to convert to float"), "too large to be computed with (int too large"),
        (OSError(28, "No space left on device", "x.csv"), "No space left on device (x.csv). Free space there"),
        (OSError("torn"), "torn. Give a path"),
        (
            OSError(11, "Resource temporarily unavailable"),
            "no more threads or processes for this user: raise the limit",
        ),
        (RuntimeError("can't start new thread"), "no more threads or processes for this user: raise the limit"),
        (
            OSError(12, "Cannot allocate memory"),
            "more memory than this machine has ([Errno 12] Cannot allocate memory)",
        ),
    ],
)
def test_what_a_machine_cannot_do_is_a_sentence(error: Exception, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(trades, "trades_now", failing)
    done = rebalance(*TRADES, FILE)
    assert done.status == 2
    assert said in done.err
    assert done.err.count("\n") == 1


def test_an_interrupted_command_says_that_nothing_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(trades, "trades_now", interrupted)
    done = rebalance(*TRADES, FILE)
    assert (done.status, done.said) == (130, "Interrupted; nothing unfinished was kept.\n")


@LINUX
def test_a_full_disk_behind_the_output_is_said() -> None:
    for words in (["research", "policies"], [*TRADES, FILE], ["trades", "--help"], ["--version"]):  # of several lengths
        with open("/dev/full", "w") as full:
            done = subprocess.run([*REBALANCE, *words], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 2
        assert done.stderr.endswith(b"No space left on device. Free space there, or write to another place.\n")
        assert b"Exception ignored" not in done.stderr


def test_a_reader_who_leaves_ends_the_command_without_a_word() -> None:
    done = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -c 'from desk.cli import main; main()' research policies | true"],
        cwd=ROOT, capture_output=True, check=False, env=os.environ | {"TQDM_DISABLE": "1"},
    )  # fmt: skip
    assert done.stderr == b""
