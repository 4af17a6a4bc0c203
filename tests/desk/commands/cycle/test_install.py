"""A desk that runs by itself after two commands: real files, prices of a real server, and the line of cron itself."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml
from commanded import rebalance
from hooked import Hook, serving_hook
from provider_bodies import Bar
from provider_server import Time, made_bars, own_certificate, serving

from desk.commands.cycle import service_manager
from desk.commands.cycle.install import install_desk, uninstall_desk
from desk.commands.cycle.service_manager import Started, cron_lines, units
from desk.commands.cycle.watch import Watcher
from desk.commands.orders.book_text import book_text
from desk.feeds.fetching import MIRROR
from desk.journal import Journal
from desk.journal.records import CycleRun, Filled
from foundation.errors import ConfigError
from foundation.home import HOME, STORES
from research.market.calendars import sessions
from research.portfolio.holdings.book_file import has_book

DAYS = sessions(np.datetime64("2020-01-02"), np.datetime64("2023-01-20"), "XNYS").tolist()
CRONTAB = """\
#!/bin/sh
# The table of a user, as crontab(1) keeps it.
if [ "$1" = -l ]; then cat "$TABLE" 2>/dev/null || { echo "no crontab for desk" >&2; exit 1; }; else cat > "$TABLE"; fi
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty machine with cron: gives the portfolio file of `rebalance new`. Its source has bars up to 2023-01-20."""
    monkeypatch.setattr(service_manager, "BOOTED", tmp_path / "no")
    program = tmp_path / "bin" / "crontab"
    program.parent.mkdir()
    program.write_text(CRONTAB)
    program.chmod(0o755)
    given = {
        "PATH": f"{program.parent}:{os.environ['PATH']}", "TABLE": str(tmp_path / "table"),
        HOME: str(tmp_path / "home"),
        "SSL_CERT_FILE": str(own_certificate(tmp_path / "own.pem")), "TQDM_DISABLE": "1",
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv(STORES, raising=False)
    bars = {
        symbol: made_bars(DAYS, price, seed) for seed, (symbol, price) in enumerate({"SPY": 390, "AGG": 98}.items())
    }
    with serving(bars | {"DTB3": [Bar(day, *(4.0,) * 4, 0.0) for day in DAYS]}) as server:
        monkeypatch.setenv(MIRROR, server.address)
        assert rebalance("new", tmp_path / "my.yaml", "SPY=60", "AGG=40", "--nav", "100000").status == 0
        yield tmp_path / "my.yaml"


def table(desk: Path) -> list[str]:
    return (desk.parent / "table").read_text().splitlines()


def test_a_night_on_an_empty_machine_takes_a_file_and_an_installation(desk: Path) -> None:
    moment = Time("2023-01-19T06:00:00")
    said = install_desk(desk, on_paper=True, clock=moment.clock).splitlines()
    assert "file took [test] rebalance: test of alerts." in said
    assert any(each.startswith("Book my is opened at the close of 2023-01-18.") for each in said)
    assert any(each.startswith("The cycle of 2023-01-18 comes first. Policy quarterly: Buy SPY, AGG:") for each in said)
    assert "The next one is due at 2023-01-19 21:30 UTC, and so after each close." in said
    end = moment.clock.now() + timedelta(hours=40)
    clock = replace(moment.clock, sleep=lambda seconds: moment.move(max(seconds, 600.0)))
    watcher = Watcher([desk], clock, is_ended=lambda: clock.now() >= end)
    watcher.run()
    assert watcher.counts["faults"] == 0
    with Journal() as journal:
        cycles = [each.record.session for each in journal.entries(kind=CycleRun.kind)]
        assert cycles[:2] == ["2023-01-18", "2023-01-19"]
        assert {each.record.symbol for each in journal.entries(kind=Filled.kind)} == {"SPY", "AGG"}


def test_the_line_of_cron_starts_the_watcher_in_the_bare_environment_of_cron(desk: Path) -> None:
    install_desk(desk, on_paper=True, clock=Time("2023-01-19T06:00:00").clock)
    home = desk.parent / "home"
    assert f"{MIRROR}={os.environ[MIRROR]}\n" in (home / "desk.env").read_text()
    once, check = (line.split(" ", 5)[5].replace("\\%", "%") for line in table(desk))
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(desk.parent), "SHELL": "/bin/sh"}
    done = subprocess.run(("/bin/sh", "-c", once), env=bare, capture_output=True, text=True, check=False)
    assert "my  finalised, policy: Buy SPY, AGG" in done.stdout, done.stderr
    assert "2023-01-20" in done.stdout  # the newest session that its source has
    looked = subprocess.run(("/bin/sh", "-c", check), env=bare, capture_output=True, text=True, check=True)
    assert looked.stdout == "No watcher runs, and none was killed.\n"


def test_a_second_installation_changes_nothing_and_an_end_leaves_what_others_have(desk: Path) -> None:
    (desk.parent / "table").write_text("0 4 * * * backup\n")
    moment = Time("2023-01-19T06:00:00")
    install_desk(desk, on_paper=True, clock=moment.clock)
    text, lines = desk.read_text(), table(desk)
    assert len(lines) == 3
    assert yaml.safe_load(text)["positions"] == {"book": "my"}
    install_desk(desk, on_paper=True, clock=moment.clock)
    assert (desk.read_text(), table(desk)) == (text, lines)
    assert uninstall_desk(desk).startswith("Removed: its line of cron. Its book")
    assert table(desk) == ["0 4 * * * backup"]
    assert uninstall_desk(desk).startswith("Nothing starts my here.")


def test_alerts_are_posted_where_it_says_and_tested_first(desk: Path) -> None:
    with serving_hook() as hook:
        hook.answers = [(404, {}, "unknown")]
        with pytest.raises(ConfigError, match="answers 404, 'unknown'"):
            install_desk(desk, f"{hook.address}/hook", clock=Time("2023-01-19T06:00:00").clock)
        assert not (desk.parent / "table").exists()
        install_desk(desk, f"{hook.address}/hook", clock=Time("2023-01-19T06:00:00").clock)
        assert _titles(hook) == ["[test] rebalance: test of alerts"] * 2
        settings = desk.parent / "home" / "alerts.yaml"
        assert settings.stat().st_mode & 0o777 == 0o600
        with pytest.raises(ConfigError, match="has another webhook already"):
            install_desk(desk, "https://example.org/other", clock=Time("2023-01-19T06:00:00").clock)


def _titles(hook: Hook) -> list[str]:
    return [content["text"].splitlines()[0] for _, _, content in hook.asked]


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("cycle: {decides: scenarios}", r"cycle: does not say that it acts .*Add to it: acts: \{venue: paper"),
        ("cycle: {acts: {venue: alpaca, notional: 1000}}", r"cycle\.acts\.venue: is another venue than paper"),
    ],
)
def test_terms_of_the_file_are_not_changed(desk: Path, added: str, said: str) -> None:
    text = f"{desk.read_text()}{added}\n"
    desk.write_text(text)
    with pytest.raises(ConfigError, match=said):
        install_desk(desk, on_paper=True, clock=Time("2023-01-19T06:00:00").clock)
    assert desk.read_text() == text
    assert not (desk.parent / "table").exists()


@pytest.mark.parametrize("shape", ["a line", "a block", "CRLF"])
def test_positions_of_a_broker_become_the_book(desk: Path, shape: str) -> None:
    (desk.parent / "broker.csv").write_text("Symbol,Quantity,Currency\nSPY,100,USD\nAGG,300,USD\nUSD,5000,USD\n")
    file = desk.with_name("held.yaml")
    done = rebalance("new", file, "SPY=60", "AGG=40", "--positions", desk.parent / "broker.csv")
    assert done.status == 0, done.err
    text = file.read_text().replace("name: held", "name: Börse")
    if shape == "a block":
        block = "positions:\n  # of Friday\n\n  file: broker.csv\n# and no more\n"
        text = re.sub(r"^positions: .*\n", block, text, flags=re.MULTILINE)
    file.write_text(text, encoding="utf-8", newline="\r\n" if shape == "CRLF" else "\n")
    before = yaml.safe_load(file.read_text(encoding="utf-8"))
    install_desk(file, clock=Time("2023-01-19T06:00:00").clock)
    assert yaml.safe_load(file.read_text(encoding="utf-8")) == before | {"positions": {"book": "Börse"}}
    assert (b"\r\n" in file.read_bytes()) is (shape == "CRLF")
    assert "file: broker.csv" in next(
        line for line in file.read_text(encoding="utf-8").splitlines() if "broker" in line
    )
    assert "100" in book_text("Börse")


def test_a_file_that_cannot_be_changed_is_left_with_what_to_write(desk: Path) -> None:
    flow = json.dumps(yaml.safe_load(desk.read_text()))
    desk.write_text(flow)
    with pytest.raises(
        ConfigError, match=r"cannot be changed by itself\. Write into it:(.|\n)*positions: \{book: my\}"
    ):
        install_desk(desk, on_paper=True, clock=Time("2023-01-19T06:00:00").clock)
    assert desk.read_text() == flow
    assert not has_book("my")
    assert not (desk.parent / "home" / "alerts.yaml").exists()


def test_keys_of_this_process_are_kept_for_this_user_alone(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("APCA_API_KEY_ID", "REBALANCE_ACTS", "OTHERS_API_KEY"):
        monkeypatch.setenv(name, "ab$cd&x #y")
    for k, sign in enumerate("\r\u2028\udcff"):
        monkeypatch.setenv(f"REBALANCE_{k}", f"a{sign}REBALANCE_ACTS=my@alpaca")
    install_desk(desk, clock=Time("2023-01-19T06:00:00").clock)
    kept = desk.parent / "home" / "desk.env"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "APCA_API_KEY_ID=ab$cd&x #y\n" in kept.read_text()
    assert "OTHERS" not in kept.read_text()
    assert "REBALANCE_ACTS" not in kept.read_text()  # the second key is given by hand
    kept.chmod(0o644)
    assert f"chmod 600 {kept}" in rebalance("desk", "watch", "check").err
    assert "no watcher starts" in (desk.parent / "home" / "alerts.jsonl").read_text()
    kept.chmod(0o600)
    kept.write_text("export FRED_API_KEY=1\n")
    assert "line 1: found 'export FRED_API_KEY', and no NAME=value" in rebalance("desk", "watch", "check").err


def test_a_table_of_cron_that_cannot_be_read_is_not_replaced(desk: Path) -> None:
    program = desk.parent / "bin" / "crontab"
    program.write_text(CRONTAB.replace('cat "$TABLE"', "false").replace("no crontab for desk", "cannot fork"))
    (desk.parent / "table").write_text("0 4 * * * backup\n")
    with pytest.raises(ConfigError, match="`crontab -l` fails: cannot fork"):
        install_desk(desk, clock=Time("2023-01-19T06:00:00").clock)
    assert table(desk) == ["0 4 * * * backup"]


def test_portfolios_whose_names_are_much_alike_are_each_started(desk: Path) -> None:
    for name in ("Größe", "Grüße"):
        file = desk.with_name(f"{name}.yaml")
        file.write_text(desk.read_text().replace("name: my", f"name: {name}"))
        install_desk(file, clock=Time("2023-01-19T06:00:00").clock)
    assert len(table(desk)) == 3  # two watchers, and a check of both
    uninstall_desk(desk.with_name("Größe.yaml"))
    assert [("Grüße" in line, " watch check" in line) for line in table(desk)] == [(True, False), (False, True)]
    uninstall_desk(desk.with_name("Grüße.yaml"))
    assert table(desk) == []


SYSTEMCTL = """\
#!/bin/sh
echo "$@" >> "$CALLS"
"""


def test_systemd_is_told_to_start_it_now_and_with_the_machine(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("systemctl", "loginctl"):
        (desk.parent / "bin" / name).write_text(SYSTEMCTL)
        (desk.parent / "bin" / name).chmod(0o755)
    monkeypatch.setenv("CALLS", str(desk.parent / "calls"))
    monkeypatch.setattr(service_manager, "BOOTED", desk.parent)
    monkeypatch.setattr(service_manager, "SYSTEM_UNITS", desk.parent / "systemd" / "user")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(desk.parent))
    install_desk(desk, clock=Time("2023-01-19T06:00:00").clock)
    written = sorted(path.name for path in (desk.parent / "systemd" / "user").iterdir())
    watched, check = Started("my", desk).unit, service_manager.check_unit()
    assert written == sorted([f"{watched}.service", f"{check}.service", f"{check}.timer"])
    said = [line.removeprefix("--user ") for line in (desk.parent / "calls").read_text().splitlines()]
    calls = [line for line in said if line != "show-environment"]
    both = f"{watched}.service {check}.timer"
    assert calls[:3] == ["daemon-reload", f"enable {both}", f"restart {both}"]
    assert not (desk.parent / "table").exists()
    assert uninstall_desk(desk).startswith("Removed: ")
    assert list((desk.parent / "systemd" / "user").iterdir()) == []
    stopped = (desk.parent / "calls").read_text().splitlines()[-2:]
    assert {*stopped[0].removeprefix("--user ").split()} == {"disable", "--now", *both.split()}


def test_an_address_that_takes_nothing_is_not_kept(desk: Path) -> None:
    with serving_hook() as hook:
        hook.answers = [(404, {}, "unknown")]
        with pytest.raises(ConfigError, match="answers 404"):
            install_desk(desk, f"{hook.address}/wrong", clock=Time("2023-01-19T06:00:00").clock)
        install_desk(desk, f"{hook.address}/right", clock=Time("2023-01-19T06:00:00").clock)
        assert [path for path, _, _ in hook.asked] == ["/wrong", "/right"]


def test_a_book_of_an_earlier_try_is_not_taken_in_silence(desk: Path) -> None:
    text = desk.read_text()
    install_desk(desk, on_paper=True, clock=Time("2023-01-19T06:00:00").clock)
    desk.write_text(text.replace("cash: 100000", "cash: 250000"))
    with pytest.raises(ConfigError, match=r"is open already .*Write `positions: \{book: my\}`"):
        install_desk(desk, on_paper=True, clock=Time("2023-01-19T06:00:00").clock)


def test_a_file_that_is_gone_is_uninstalled(desk: Path) -> None:
    install_desk(desk, on_paper=True, clock=Time("2023-01-19T06:00:00").clock)
    desk.unlink()
    assert uninstall_desk(desk).startswith("Removed: its line of cron.")
    assert table(desk) == []


def test_a_machine_that_starts_nothing_says_what_to_start(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigError, match=r"Neither systemd nor cron .*-m desk\.cli --home .* desk watch .*my\.yaml"):
        install_desk(desk, on_paper=True, clock=Time("2023-01-19T06:00:00").clock)


STRANGE = Started('The "60/40" % $HOME', Path("/srv/my desk/50% $HOME.yaml"))


def test_units_have_each_word_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME, str(tmp_path / "100 % home"))
    watched, check, timer = units(STRANGE)
    assert watched == f"{STRANGE.unit}.service"
    assert re.fullmatch(r"rebalance-The-60-40-HOME-[0-9a-f]{6}-[0-9a-f]{6}", STRANGE.unit)
    (line,) = (each for each in units(STRANGE)[watched].splitlines() if each.startswith("ExecStart="))
    before = f'"{sys.executable}" "-P" "-m" "desk.cli" "--home" "{tmp_path}/100 %% home" "desk" "watch"'
    assert line == f'ExecStart={before} "/srv/my desk/50%% $$HOME.yaml"'
    assert f'ExecStart={before} "check"' in units(STRANGE)[check]
    if analyze := shutil.which("systemd-analyze"):
        for name, text in units(STRANGE).items():
            (tmp_path / name).write_text(text)
        paths = [str(tmp_path / name) for name in (watched, check, timer)]
        done = subprocess.run((analyze, "verify", *paths), capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_lines_of_cron_have_each_word_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(HOME, str(tmp_path / "100 % home"))
    for line, last in zip(cron_lines(STRANGE), ("/srv/my desk/50% $HOME.yaml", "check"), strict=True):
        assert line.replace("\\%", "").count("%") == 0  # a bare one is a line break for cron
        command = line.split(" ", 5)[5].replace("\\%", "%")
        shown = command.replace(sys.executable, 'printf "<%s>"')
        done = subprocess.run(("/bin/sh", "-c", shown), capture_output=True, text=True, check=True)
        before = f"<-P><-m><desk.cli><--home><{tmp_path}/100 % home><desk><watch>"
        assert done.stdout in (f"{before}<{last}>", f"{before}<--once><{last}>")
