"""`rebalance data` as a user calls it, against a real server: new, fetch, list, update, and the list of tomorrow."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from commanded import Done, rebalance
from provider_bodies import Bar
from provider_server import Server, Time, made_bars, own_certificate, serving
from watched import steady

from backtests.comparison.fitting.candidates import backtest_candidate, fit
from backtests.runs.folder import write_json
from backtests.runs.manifest import checksum
from desk.commands.cycle import watch
from desk.commands.cycle.alerts import alert_cycle, alert_resolved, alert_trouble, send_waiting
from desk.commands.cycle.cycle import Ran
from desk.commands.cycle.watch import Alerts, Watcher
from desk.commands.data import (
    _revisions_table,
    check_data,
    delays_of,
    fetch_data,
    fetch_quotes,
    import_table,
    needs_of,
    revisions_text,
)
from desk.commands.portfolio_file.new import NewFile, write_new
from desk.commands.replay import replay_run
from desk.commands.report import make_backtest
from desk.feeds.fetching import MIRROR
from desk.feeds.tables import sources_text, stores_text, tried_sources
from desk.journal import Journal
from foundation.errors import ConfigError, DataError
from foundation.home import STORES
from research.market.calendars import sessions
from research.market.quality import Finding
from research.market.store import named_store
from research.portfolio import load_portfolio
from research.portfolio.file.known_on import BOOKS_KNOWN_ON, KNOWN_ON

DAYS = sessions(np.datetime64("2022-06-01"), np.datetime64("2023-01-19"), "XNYS").tolist()
TODAY, TOMORROW = "2023-01-18", "2023-01-19"  # the last session that is over, and the next one
BARS = {
    symbol: made_bars(DAYS, price, seed) for seed, (symbol, price) in enumerate({"SPY": 390.0, "AGG": 98.0}.items())
}
RATES = [Bar(day, *(4.0 + i / 1000,) * 4, 0.0) for i, day in enumerate(DAYS)]  # of the bill, percent a year


class Desk:
    """A desk: its file, a server whose days it moves, and its clock."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder, self.file = server, folder, folder / "my.yaml"
        self.time = Time(f"{TOMORROW}T06:00:00")
        self.serve(TODAY)

    def serve(self, last: str, **changed: Bar) -> None:
        """Let the source have the bars up to a day, with those of some symbols changed on their day."""
        for symbol, bars in (BARS | {"DTB3": RATES}).items():
            of = {bar.session: bar for bar in bars if str(bar.session) <= last}
            if symbol in changed:
                of[changed[symbol].session] = changed[symbol]
            self.server.bars[symbol] = list(of.values())

    def fetch(self, **options: bool) -> tuple[str, bool]:
        return fetch_data(self.file, clock=self.time.clock, **options)

    def next_day(self, **changed: Bar) -> str:
        """Update a session later."""
        self.serve(TOMORROW, **changed)
        self.time.move(24 * 3600.0)
        text, whole = self.fetch()
        assert whole
        return text

    def trades(self, day: str, *words: object) -> Done:
        return rebalance("trades", self.file, "--as-of", day, *words)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Desk]:
    """A desk with a new file of two funds, before anything is fetched."""
    monkeypatch.setenv("SSL_CERT_FILE", str(own_certificate(tmp_path / "own.pem")))  # which is quick to read
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.setenv(STORES, str(tmp_path / "stores"))
    monkeypatch.setenv(KNOWN_ON, "")
    monkeypatch.setenv(BOOKS_KNOWN_ON, "")
    monkeypatch.delenv("FRED_API_KEY", raising=False)
    with serving({}) as server:
        monkeypatch.setenv(MIRROR, server.address)
        made = Desk(server, tmp_path)
        monkeypatch.setattr("desk.commands.data.Clock", lambda: made.time.clock)
        write_new(NewFile(made.file, ("SPY=60", "AGG=40"), 1e5))
        yield made


def close(symbol: str, day: str) -> float:
    return next(bar.close for bar in BARS[symbol] if str(bar.session) == day)


def revised(symbol: str, day: str, by: float) -> Bar:
    bar = next(bar for bar in BARS[symbol] if str(bar.session) == day)
    return bar._replace(close=bar.close * by, high=bar.high * max(by, 1.0), low=bar.low * min(by, 1.0))


# -- the way of a user -----------------------------------------------------------------------------------------------


def test_new_fetch_and_trades_give_a_list_and_an_update_that_of_the_next_day(desk: Desk) -> None:
    before = desk.trades(TOMORROW)
    assert (before.status, before.out) == (2, "")
    assert f"Run `rebalance data fetch {desk.file}` first." in before.err
    fetched = rebalance("data", "fetch", desk.file)
    assert fetched.status == 0, fetched.err
    count = len(DAYS) - 1
    assert f"yahoo: {2 * count:,} new rows of 2 symbols, with 2 requests; 0 numbers of the past changed." in fetched.out
    assert f"fred: {count} new rows of 1 symbol, with 1 request" in fetched.out
    first = desk.trades(TOMORROW)
    assert first.status == 0, first.err
    for symbol, weight in {"SPY": 0.6, "AGG": 0.4}.items():
        [row] = [line.split() for line in first.out.splitlines() if line.startswith(f"{symbol} ") and " buy " in line]
        units, price = float(row[2].replace(",", "")), float(row[3].replace(",", ""))
        assert price == pytest.approx(close(symbol, TODAY), abs=0.005)
        assert units * price / 1e5 == pytest.approx(weight, abs=0.01)
    desk.server.asked.clear()
    assert rebalance("data", "fetch", desk.file, "--again", "spyy").err.startswith(
        "--again is 'spyy': Use SPY, AGG, DTB3, all."
    )
    assert (
        "with 1 request; 0 numbers of the past changed" in rebalance("data", "fetch", desk.file, "--again", "SPY").out
    )
    assert [each.provider for each in desk.server.asked].count("yahoo") == 1
    assert rebalance("data", "fetch", desk.file, "--again", "all").status == 0
    assert [each.provider for each in desk.server.asked].count("yahoo") == 3
    desk.server.asked.clear()
    desk.serve(TOMORROW)
    desk.time.move(24 * 3600.0)
    updated = rebalance("data", "fetch", desk.file)
    assert updated.status == 0, updated.err
    assert "yahoo: 2 new rows of 2 symbols, with 2 requests; 0 numbers of the past changed." in updated.out
    assert load_portfolio(desk.file).date == pd.Timestamp(TOMORROW)
    second = desk.trades("2023-01-20")
    assert second.status == 0, second.err
    assert f"{close('SPY', TOMORROW):,.2f}" in second.out
    assert f"{close('SPY', TODAY):,.2f}" not in second.out


def test_a_dry_run_says_what_is_needed_and_sends_nothing(desk: Desk) -> None:
    done = rebalance("data", "fetch", desk.file, "--dry-run")
    assert (done.status, desk.server.asked) == (0, [])
    assert "yahoo: 2 symbols, 2 requests." in done.out
    assert "fred: 1 symbol, 1 request." in done.out


def test_a_symbol_that_the_source_does_not_know_fails_alone_with_exit_status_one(desk: Desk) -> None:
    del desk.server.bars["AGG"]
    done = rebalance("data", "fetch", desk.file)
    assert done.status == 1
    assert "1 symbol failed:" in done.out + done.err
    assert named_store("yahoo").assets() == ["SPY"]
    after = desk.trades(TOMORROW)
    assert after.status == 2
    assert f"lines.AGG: no prices of it in store 'yahoo' ({desk.file}, line" in after.err


def test_fetching_since_a_day_begins_there(desk: Desk) -> None:
    done = rebalance("data", "fetch", desk.file, "--since", "2022-12-01")
    assert done.status == 0, done.err
    assert str(load_portfolio(desk.file).market.days[0]) == "2022-12-01"


def test_a_watcher_fetches_each_session_and_waits_for_a_late_source(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """New York closes at 21:00 UTC in winter; the source has the bars after ten to ten."""
    monkeypatch.setenv("REBALANCE_HOME", str(desk.folder / "home"))
    seconds = {at: Time(f"{TOMORROW}T{at}:00").seconds for at in ("21:50", "22:30")}
    ran = list[str]()

    def is_ended() -> bool:
        if desk.time.seconds > seconds["21:50"]:
            desk.serve(TOMORROW)
        return desk.time.seconds > seconds["22:30"]

    def hear(made: Ran) -> list[str]:
        ran.append(f"{made.cycle.portfolio.date:%Y-%m-%d} at {desk.time.clock.now():%d %H:%M}")
        return []

    Watcher([desk.file], desk.time.clock, Alerts(hear), is_ended).run()
    assert ran == [f"{TODAY} at 19 06:00", f"{TOMORROW} at 19 22:05"]
    assert f"no prices of {TOMORROW} yet" in capsys.readouterr().out


def test_a_watcher_tells_an_asset_that_was_not_fetched_from_one_that_is_halted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """AGG has no bar of the second session: first its source fails, then it answers without one."""
    monkeypatch.setenv("REBALANCE_HOME", str(desk.folder / "home"))
    asked, fault = 3, 1  # exit statuses
    assert Watcher([desk.file], desk.time.clock).run(once=True) == asked
    desk.time.seconds = Time(f"{TOMORROW}T22:00:00").seconds
    bars = desk.server.bars.pop("AGG")
    desk.serve(TOMORROW)
    del desk.server.bars["AGG"]
    assert Watcher([desk.file], desk.time.clock).run(once=True) == fault
    assert f"no prices of {TOMORROW} yet" in capsys.readouterr().out
    desk.server.bars["AGG"] = bars
    assert Watcher([desk.file], desk.time.clock).run(once=True) == asked
    market = load_portfolio(desk.file).market
    assert (str(market.days[-1]), market.tradable[-1].tolist()) == (TOMORROW, [True, False])


def real_alerts(desk: Desk, **settings: int) -> Alerts:
    """Alerts that go into a file, on the clock of a desk."""
    home, clock = desk.folder / "home", desk.time.clock
    home.mkdir(exist_ok=True)
    (home / "alerts.yaml").write_text(yaml.safe_dump({"file": "alerts.jsonl"} | settings))
    return Alerts(*(partial(each, clock=clock) for each in (alert_cycle, alert_trouble, alert_resolved, send_waiting)))


def quotes_told(desk: Desk) -> list[dict[str, Any]]:
    """The notices on the file of a desk that were sent."""
    rows = [json.loads(line) for line in (desk.folder / "home" / "alerts.jsonl").read_text().splitlines()]
    return [row for row in rows if row["alert"]["portfolio"] == str(desk.file)]


def test_quotes_between_closes_are_told_as_indicative_and_decide_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """SPY rises by a fifth in the session; New York opens at 14:30 UTC in winter."""
    monkeypatch.setenv("REBALANCE_HOME", str(desk.folder / "home"))
    content = yaml.safe_load(desk.file.read_text())
    units = {name: round(share / close(name, TODAY)) for name, share in {"SPY": 6e4, "AGG": 4e4}.items()}
    for name in units:
        content["lines"][name]["shares"] = units[name]
    desk.file.write_text(yaml.safe_dump(content | {"cash": 0.0}, sort_keys=False))
    own = steady(desk.folder)
    desk.time.seconds, rise, end = (Time(f"{TOMORROW}T{at}:00").seconds for at in ("13:00", "15:30", "18:15"))

    def is_ended() -> bool:
        if desk.time.seconds > rise:
            desk.serve(TOMORROW, SPY=revised("SPY", TOMORROW, 1.2))
        return desk.time.seconds > end

    Watcher([desk.file, own], desk.time.clock, real_alerts(desk), is_ended).run(every=timedelta(hours=1))
    text = capsys.readouterr().out
    opening, later = (
        f"NAV {sum(units[name] * close(name, day) * (1.2 if name == rises else 1.0) for name in units):,.2f}"
        for day, rises in ((TODAY, ""), (TOMORROW, "SPY"))
    )
    head = "00:00 UTC  my: indicative, at quotes of now:"
    assert f"{TOMORROW} 15:{head} {opening}; " in text
    assert all(f"{TOMORROW} {hour}:{head} {later}; triggered." in text for hour in (16, 17, 18))
    assert text.count("of no source that gives quotes") == 1
    (warned,) = quotes_told(desk)
    assert (warned["state"], warned["alert"]["level"]) == ("raised", "warning")
    assert warned["alert"]["what"].startswith("indicative: drift of an asset")
    assert f"Indicative, at quotes of {TOMORROW} 16:00 UTC: " in warned["alert"]["sentence"]
    assert "SPY is 3." in warned["alert"]["sentence"]
    desk.time.seconds = Time("2023-01-20T06:00:00").seconds
    desk.serve(TOMORROW)
    assert Watcher([desk.file], desk.time.clock, real_alerts(desk)).run(once=True) == 0  # a restart, after the close
    assert [each["state"] for each in quotes_told(desk)] == ["raised", "resolved"]
    assert not list(named_store("yahoo").folder.glob("quotes-*"))
    with Journal() as journal:
        assert [entry.record.session for entry in journal.entries(kind="cycle", portfolio="my")] == [TODAY, TOMORROW]


def test_quotes_that_cross_a_level_to_and_fro_send_no_more_than_so_many_messages_an_hour(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REBALANCE_HOME", str(desk.folder / "home"))
    content = yaml.safe_load(desk.file.read_text())
    for name, share in {"SPY": 6e4, "AGG": 4e4}.items():
        content["lines"][name]["shares"] = round(share / close(name, TODAY))
    desk.file.write_text(yaml.safe_dump(content | {"cash": 0.0}, sort_keys=False))
    desk.fetch()
    alerts = real_alerts(desk, max_an_hour=2)
    desk.time.seconds, end = (Time(f"{TOMORROW}T{at}:00").seconds for at in ("14:35", "16:30"))

    def is_ended() -> bool:
        desk.serve(TOMORROW, SPY=revised("SPY", TOMORROW, 1.2 if desk.time.seconds // 600 % 2 else 1.0))
        return desk.time.seconds > end

    monkeypatch.setattr(watch, "NAP", timedelta(minutes=10))
    Watcher([desk.file], desk.time.clock, alerts, is_ended).run(every=timedelta(minutes=10))
    with Journal(read_only=True) as journal:
        taken = [(entry.moment, entry.record) for entry in journal.entries(kind="alert")]
    assert [record.state for _, record in taken].count("resolved") >= 3
    assert {record.alert.level for _, record in taken if record.alert.portfolio == str(desk.file)} == {"warning"}
    for hour in ("14:3", "15:3"):
        begin = f"{TOMORROW}T{hour}"
        within = {each.message for at, each in taken if begin <= at < f"{TOMORROW}T{int(hour[:2]) + 1}{hour[2:]}"}
        assert len(within - {""}) <= 2


def test_quotes_of_the_moment_are_the_prices_of_the_list(desk: Desk) -> None:
    desk.fetch()
    desk.serve(TOMORROW)
    desk.time.move(15 * 3600.0 + 600.0)  # ten minutes after the close of the next day
    done = desk.trades(TOMORROW, "--prices", "yahoo")
    assert done.status == 0, done.err
    assert f"{close('SPY', TOMORROW):,.2f}" in done.out
    quotes = pd.read_csv(fetch_quotes(desk.file, "yahoo", desk.time.clock))
    assert quotes["asset"].tolist() == ["SPY", "AGG"]
    assert quotes["price"].tolist() == [close("SPY", TOMORROW), close("AGG", TOMORROW)]
    assert (quotes["date"].unique().tolist(), quotes["quoted at"][0]) == ([TOMORROW], f"{TOMORROW}T21:00:00Z")
    with pytest.raises(ConfigError, match=r"--prices is 'fred': .*yahoo"):
        fetch_quotes(desk.file, "fred", desk.time.clock)


def test_quotes_of_lines_without_a_calendar_are_of_the_day_of_the_file_s(desk: Desk) -> None:
    desk.server.bars["OWN"] = desk.server.bars["AGG"]
    desk.file.write_text(desk.file.read_text().replace("AGG: {", "OWN: {").replace("XNYS", "XTKS"))
    quotes = pd.read_csv(fetch_quotes(desk.file, "yahoo", desk.time.clock)).set_index("asset")
    assert quotes["quoted at"].tolist() == [f"{TODAY}T21:00:00Z"] * 2  # six in the morning in Tokyo
    assert quotes["date"].to_dict() == {"SPY": TODAY, "OWN": TOMORROW}


# -- revisions -------------------------------------------------------------------------------------------------------


def nav_of(desk: Desk) -> float:
    portfolio = load_portfolio(desk.file)
    played = backtest_candidate(portfolio, fit("quarterly", portfolio).policy, "quarterly")
    return float(played.ledger.nav[-1])


def test_a_changed_past_is_a_revision_with_what_it_changes(desk: Desk) -> None:
    desk.fetch()
    assert revisions_text(str(desk.file)) == revisions_text("yahoo") == "No number of the past was changed."
    before = nav_of(desk)
    desk.serve(TODAY, SPY=revised("SPY", TODAY, 1.02))
    desk.time.move(24 * 3600.0)
    desk.serve(TOMORROW, SPY=revised("SPY", TODAY, 1.02))
    text, _ = desk.fetch()
    assert "2 numbers of the past changed." in text  # the close, and the high
    assert f"- SPY on {TODAY}: close {close('SPY', TODAY):g}, now {close('SPY', TODAY) * 1.02:g}" in text
    told = revisions_text(str(desk.file))
    rows = {line.split("  ")[0]: line.split() for line in told.splitlines()}
    assert rows["SPY"][:3] == ["SPY", TODAY, "close"]
    assert "Also changed, without effect on returns: 1 high." in told
    assert f"quarterly to {TODAY}:" in told
    final = {name: float(row[-1].replace(",", "")) for name, row in rows.items() if name.startswith("as known")}
    assert final["as known before"] == pytest.approx(before, abs=0.005)
    grown = final["as known now"] / final["as known before"] - 1.0
    assert grown == pytest.approx(0.6 * 0.02, abs=0.001)  # of a weight that drifts about its target
    listed = rebalance("data", "check", desk.file, "--revisions", "all")
    assert (listed.status, listed.out.strip()) == (0, told)
    assert "close" in revisions_text("yahoo")
    assert "as known" not in revisions_text("yahoo")


def test_a_list_as_known_on_a_day_has_the_same_bytes_after_a_revision(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.fetch()
    first = desk.trades(TOMORROW)
    desk.next_day(SPY=revised("SPY", TODAY, 1.02))
    again = desk.trades(TOMORROW, "--as-known-on", TOMORROW)
    assert (again.status, again.raw) == (0, first.raw)
    monkeypatch.setenv(KNOWN_ON, "")
    monkeypatch.setenv(BOOKS_KNOWN_ON, "")
    early = desk.trades(TOMORROW, "--as-known-on", "2023-01-18")
    assert (early.status, early.out) == (2, "")
    assert "nothing was known of AGG in store 'yahoo' by 2023-01-18" in " ".join(early.err.split())


def test_a_run_replayed_after_an_update_and_a_revision_has_the_same_bytes(desk: Desk) -> None:
    desk.fetch()
    run = make_backtest(desk.file, "quarterly", desk.folder / "reports").folder
    kept = json.loads((run / "manifest.json").read_text())["settings"]["portfolio"]["market"]
    assert kept["known_on"].startswith(f"{TOMORROW}T06:0")
    before = load_portfolio(desk.file).market
    desk.next_day(
        SPY=revised("SPY", TODAY, 1.02),
        DTB3=next(bar for bar in RATES if str(bar.session) == TODAY)._replace(close=9.0),
    )
    named_store("yahoo").compact()
    assert load_portfolio(desk.file).market.until(TODAY).fingerprint != before.fingerprint
    done = replay_run(run, desk.file)
    assert done.same, done.text


def test_revisions_of_volumes_are_counted_beside_those_that_change_returns() -> None:
    moment = pd.Timestamp("2023-01-19 06:00")
    columns = ["close", *["volume"] * 40, "dividend", "high"]
    found = pd.DataFrame({
        "asset_id": "SPY", "session": pd.Timestamp(TODAY), "column": columns, "before": 1.0, "after": 2.0,
        "known_before": moment, "known_after": moment,
    })  # fmt: skip
    _, *rows, last = _revisions_table(found).splitlines()
    assert [row.split()[2] for row in rows] == ["close", "dividend"]
    assert last == "Also changed, without effect on returns: 40 volumes and 1 high."
    alone = _revisions_table(found[found["column"] == "volume"])
    assert alone == "Changed, without effect on returns: 40 volumes."


@pytest.mark.parametrize("policy", ["quarterly", "tuned"])
def test_revisions_since_a_run_are_told_with_what_they_change_in_its_policy(desk: Desk, policy: str) -> None:
    desk.fetch()
    desk.next_day(SPY=revised("SPY", "2023-01-11", 1.02))  # before the run
    run = make_backtest(desk.file, policy, desk.folder / "reports").folder
    ran, kept = load_portfolio(desk.file).market, json.loads((run / "summary.json").read_text())
    final = pd.read_parquet(run / "results.parquet")["nav"].iloc[-1]
    desk.serve("2023-01-20", AGG=revised("AGG", "2023-01-12", 1.01), SPY=revised("SPY", "2023-01-11", 1.02))
    desk.time.move(24 * 3600.0)
    desk.fetch()
    text = desk.file.read_text().replace("cash: 100000", "cash: 70000")  # it is another day at the desk
    desk.file.write_text(
        text.replace("  AGG: {asset_class: bonds,     target: 0.4", "  TLT: {asset_class: bonds, target: 0.4")
    )
    done = rebalance("data", "check", desk.file, "--revisions", run)
    assert done.status == 0, done.err
    rows = [line.split() for line in done.out.splitlines()]
    assert [row[:3] for row in rows if row[:1] in (["SPY"], ["AGG"])] == [["AGG", "2023-01-12", "close"]]
    assert f"{policy} to {ran.days[-1]}:" in done.out
    [before, now] = [[float(cell.replace(",", "")) for cell in row[3:]] for row in rows if row[:2] == ["as", "known"]]
    assert before == pytest.approx([kept["loss"], final], abs=0.005)
    assert now[0] != before[0]
    assert now[1] == pytest.approx(before[1], rel=0.01)


def test_revisions_since_a_run_that_cannot_be_played_are_refused(desk: Desk) -> None:
    desk.fetch()
    run = make_backtest(desk.file, "quarterly", desk.folder / "reports").folder
    assert revisions_text(str(desk.file), run) == "No number of the past was changed."
    with pytest.raises(ConfigError, match=r"--revisions is .*'yahoo' is a store: name the portfolio file"):
        revisions_text("yahoo", run)
    other = desk.folder / "other.yaml"
    other.write_text(desk.file.read_text().replace("name: my", "name: other"))
    with pytest.raises(ConfigError, match=r"--revisions is of .*my\.yaml, portfolio 'my', and not of .*other\.yaml"):
        revisions_text(str(other), run)
    with pytest.raises(DataError, match="no run is called 'none'"):
        revisions_text(str(desk.file), Path("none"))
    manifest = json.loads((run / "manifest.json").read_text())
    changed = {"kind": {"kind": "risk"}, "market": {"settings": {"portfolio": {"market": "us_etf_ohlcv"}}}}
    for why, said in {"kind": "--revisions is a risk, which has no J", "market": "which read no store"}.items():
        whole = manifest | changed[why]
        write_json(run / "manifest.json", whole | {"sha256": checksum(whole)})
        with pytest.raises(ConfigError, match=said):
            revisions_text(str(desk.file), run)


# -- facts -----------------------------------------------------------------------------------------------------------

SPREAD = "spread: {store: fred, series: DGS10, minus: DTB3}"
FIGURES = "rsi: {store: alpha_vantage, indicator: RSI, window: 14}, pe: {store: alpha_vantage, overview: PERatio}"
AV_KEY = "K3Y0F7HE7ESTER42"


def state_facts(desk: Desk, facts: str) -> None:
    desk.file.write_text(desk.file.read_text().replace("cash: bill,", f"cash: bill, facts: {{{facts}}},"))
    desk.server.bars["DGS10"] = [bar._replace(close=bar.close - 0.5) for bar in desk.server.bars["DTB3"][:-1]]
    desk.server.bars |= {f"{symbol}:RSI:14": desk.server.bars[symbol] for symbol in BARS}


def test_the_series_that_facts_name_are_fetched_once_each_with_the_bill(desk: Desk) -> None:
    state_facts(desk, f"{SPREAD}, {FIGURES}")
    wanted = needs_of(desk.file, desk.time.clock.now())
    assert [each.asset_id for each in wanted["fred"]] == ["DTB3", "DGS10"]
    assert [each.symbol for each in wanted["alpha_vantage"]] == ["SPY:RSI:14", "AGG:RSI:14"]  # funds have no overview
    desk.file.write_text(desk.file.read_text().replace("SPY:", "IBM:"))
    found = needs_of(desk.file, desk.time.clock.now())["alpha_vantage"]
    assert [each.symbol for each in found] == ["IBM:RSI:14", "AGG:RSI:14", "IBM:OVERVIEW:PERatio"]
    desk.file.write_text(desk.file.read_text().replace("{source: yahoo, cash: bill,", "{file: multi_asset_daily,"))
    assert set(needs_of(desk.file, desk.time.clock.now())) == {"fred", "alpha_vantage"}


def test_what_one_source_brought_is_told_where_the_next_one_cannot_be_asked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALPHAVANTAGE_API_KEY", raising=False)
    state_facts(desk, FIGURES)
    text, whole = desk.fetch()
    assert not whole
    assert [line.split()[0] for line in text.splitlines()] == ["yahoo:", "fred:", "alpha_vantage"]
    assert "alpha_vantage needs a key" in text


def test_a_run_on_facts_of_a_store_has_the_same_bytes_after_an_update(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRED_API_KEY", "0123456789abcdef0123456789abcdef")
    state_facts(desk, SPREAD)
    text, whole = desk.fetch()
    assert whole, text
    market = load_portfolio(desk.file).market
    assert market.facts is not None
    assert market.facts["spread"][2:].round(9).tolist() == [[-0.5, -0.5]] * (len(market.dates) - 2)
    assert np.isnan(market.facts["spread"][:2]).all()  # the value of a day is published on the next one
    run = make_backtest(desk.file, "quarterly", desk.folder / "reports").folder
    desk.server.bars["DGS10"] = [bar._replace(close=9.0) for bar in RATES]  # the first one is dated before the run
    desk.next_day()
    done = replay_run(run, desk.file)
    assert done.same, done.text


def test_a_notice_of_the_limit_of_figures_is_printed_without_the_key(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALPHAVANTAGE_API_KEY", AV_KEY)
    state_facts(desk, FIGURES)
    desk.server.faults = {"RSI": "notice"}
    done = rebalance("data", "fetch", desk.file)
    assert done.status == 1
    assert "limit of requests is reached" in done.out + done.err
    assert AV_KEY not in done.out + done.err
    desk.server.faults = {}
    desk.time.move(24 * 3600.0)
    text, whole = desk.fetch()
    assert whole, text
    assert named_store("alpha_vantage").assets() == ["AGG:RSI:14", "SPY:RSI:14"]


# -- import ----------------------------------------------------------------------------------------------------------


def table_of(desk: Desk, last: str = TODAY) -> Path:
    days = [day for day in DAYS if str(day) <= last]
    path = desk.folder / "prices.csv"
    columns = {symbol: [bar.close for bar in bars[: len(days)]] for symbol, bars in BARS.items()}
    pd.DataFrame({"Date": days} | columns).to_csv(path, index=False)
    return path


def test_an_imported_table_gives_the_list_of_the_source(desk: Desk) -> None:
    desk.fetch()
    fetched = desk.trades(TOMORROW)
    done = rebalance("data", "import", table_of(desk), "--as", "mine", "--adjustment", "raw")
    assert done.status == 0, done.err
    assert f"{2 * (len(DAYS) - 1):,} rows were new or changed; store 'mine' has them." in done.out
    desk.file.write_text(desk.file.read_text().replace("source: yahoo", "store: mine"))
    imported = desk.trades(TOMORROW)
    assert imported.status == 0, imported.err

    def orders(shown: Done) -> list[list[str]]:
        return [line.split()[:4] for line in shown.out.splitlines() if line.startswith(("SPY ", "AGG "))]

    assert orders(imported) == orders(fetched)
    assert len(orders(imported)) >= 2
    again = import_table(table_of(desk, TOMORROW), "mine", desk.time.clock, adjustment="raw")
    assert "2 rows were new or changed" in again


def test_the_bill_of_an_imported_market_is_fetched_too(desk: Desk) -> None:
    import_table(table_of(desk), "mine", desk.time.clock, adjustment="raw")
    desk.file.write_text(desk.file.read_text().replace("source: yahoo", "store: mine"))
    with pytest.raises(ConfigError, match="Run `rebalance data fetch`"):
        load_portfolio(desk.file)
    text, whole = desk.fetch()
    assert whole
    assert text.splitlines()[1].startswith("fred: ")
    assert load_portfolio(desk.file).market.cash[-1] > 0.0


def test_an_update_imports_again_what_is_new_where_the_tables_lie(desk: Desk) -> None:
    desk.fetch()
    folder = desk.folder / "drops"
    folder.mkdir()
    table_of(desk).rename(folder / "a.csv")
    assert rebalance("data", "import", folder, "--as", "mine", "--adjustment", "raw").status == 0
    desk.file.write_text(desk.file.read_text().replace("source: yahoo", "store: mine"))
    desk.serve(TOMORROW)
    desk.time.move(24 * 3600.0)
    table_of(desk, TOMORROW).rename(folder / "b.csv")
    (folder / "c.csv").write_text("who,what\nme,this\n")
    dry = rebalance("data", "fetch", desk.file, "--dry-run")
    assert (dry.status, "(1 more as before) would be read.\n- b.csv\n- c.csv" in dry.out) == (0, True)
    done = rebalance("data", "fetch", desk.file)
    assert done.status == 1
    assert "mine: 2 rows new or changed, from 2 files of" in done.out + done.err
    assert "refused, and nothing of them taken:\n- c.csv" in done.out + done.err
    (folder / "c.csv").unlink()
    assert rebalance("data", "fetch", desk.file).status == 0
    assert load_portfolio(desk.file).date == pd.Timestamp(TOMORROW)
    assert f"{close('SPY', TOMORROW):,.2f}" in desk.trades("2023-01-20").out


def test_a_store_that_does_not_say_where_its_tables_lie_is_fetched_from_no_source(desk: Desk) -> None:
    import_table(table_of(desk), "mine", desk.time.clock, adjustment="raw")
    named_store("mine").describe(imported=None)
    text = desk.file.read_text().replace("source: yahoo", "store: mine").replace("cash: bill", "cash: 0.03")
    desk.file.write_text(text)
    with pytest.raises(
        ConfigError, match=r"market: is fetched from no source .*`rebalance data import PATH --as mine`"
    ):
        desk.fetch()


def test_an_import_that_contradicts_its_store_is_refused(desk: Desk) -> None:
    table = table_of(desk)
    with pytest.raises(ConfigError, match="--as yahoo is the store of a source: give the table a name of its own"):
        import_table(table, "yahoo", desk.time.clock)
    import_table(table, "mine", desk.time.clock, adjustment="raw")
    with pytest.raises(
        ConfigError, match="are total, and those of store 'mine' are raw: one series has one adjustment"
    ):
        import_table(table, "mine", desk.time.clock, adjustment="total")
    with pytest.raises(ConfigError, match="are not stated, and those of store 'mine' are raw"):
        import_table(table, "mine", desk.time.clock)
    import_table(table, "unstated", desk.time.clock)
    with pytest.raises(ConfigError, match="are raw, and those of store 'unstated' are not stated"):
        import_table(table, "unstated", desk.time.clock, adjustment="raw")
    with pytest.raises(DataError, match=r"is in EUR in .*, and in USD in store 'mine'|no currency in store 'mine'"):
        import_table(table, "mine", desk.time.clock, adjustment="raw", currency="EUR")
    (desk.folder / "ahead.csv").write_text("Date,SPY\n2022-12-28,380.1\n2031-12-29,381.2\n")
    with pytest.raises(DataError, match="a price of SPY on 2031-12-29, which lies ahead"):
        import_table(desk.folder / "ahead.csv", "mine", desk.time.clock, adjustment="raw")
    (desk.folder / "empty.csv").write_text("")
    with pytest.raises(DataError, match=r"empty\.csv"):
        import_table(desk.folder / "empty.csv", "mine", desk.time.clock)


def test_a_folder_is_imported_whole_or_not_at_all(desk: Desk) -> None:
    folder = desk.folder / "tables"
    folder.mkdir()
    with pytest.raises(DataError, match="tables has no tables"):
        import_table(folder, "mine", desk.time.clock)
    table_of(desk).rename(folder / "a.csv")
    (folder / "b.csv").write_text("who,what\nme,this\n")
    with pytest.raises(DataError, match=r"b\.csv"):
        import_table(folder, "mine", desk.time.clock)
    assert not named_store("mine").parts


def test_the_notes_of_all_tables_of_a_store_are_kept(desk: Desk) -> None:
    folder = desk.folder / "tables"
    folder.mkdir()
    head, days = "Date,Close,Adj Close,Dividends\n", [day for day in DAYS if str(day) <= "2022-09-01"]
    for name, before in {"A": 90.0, "B": 100.0}.items():  # the dividend that A's adjusted closes show is not in its row
        told = [f"{day},100,{before if k < 20 else 100.0},0\n" for k, day in enumerate(days)]
        (folder / f"{name}.csv").write_text(head + "".join(told))
    text = import_table(folder, "mine", desk.time.clock)
    notes = named_store("mine").about["notes"]
    assert any("A" in note and "grows otherwise" in note for note in notes)
    assert all(note in text for note in notes)


def test_adjusted_closes_of_later_must_be_of_the_whole_past(desk: Desk) -> None:
    def table(first: int, last: int, close: float) -> Path:
        path = desk.folder / "total.csv"
        path.write_text("Date,AAA\n" + "".join(f"{day},{close + k}\n" for k, day in enumerate(DAYS[first:last], first)))
        return path

    import_table(table(0, 100, 100.0), "total", desk.time.clock, adjustment="total")
    import_table(table(90, 110, 100.0), "total", desk.time.clock, adjustment="total")
    for first, last in ((60, 120), (0, 60)):
        with pytest.raises(
            ConfigError, match=rf"the close of AAA on {DAYS[first]} is {90 + first} in total\.csv and {100 + first} in"
        ):
            import_table(table(first, last, 90.0), "total", desk.time.clock, adjustment="total")
    desk.time.move(3600.0)
    import_table(table(0, 120, 90.0), "total", desk.time.clock, adjustment="total")
    assert named_store("total").read(["AAA"]).numbers["close"].tolist() == [90.0 + k for k in range(120)]


# -- list, sources, check --------------------------------------------------------------------------------------------


def test_stores_are_listed_with_what_they_hold(desk: Desk) -> None:
    assert stores_text().startswith("No store yet: `rebalance data fetch FILE` makes one")
    desk.fetch()
    done = rebalance("data", "list")
    assert done.status == 0
    rows = {line.split()[0]: line.split()[1:] for line in done.out.splitlines() if line.split()}
    assert rows["yahoo"] == ["2", f"{2 * (len(DAYS) - 1)}", "2022-06-01", TODAY, "raw"]
    assert rows["fred"][:2] == ["1", f"{len(DAYS) - 1}"]


def test_sources_are_listed_with_their_pace_and_whether_their_key_is_there(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIINGO_API_KEY", "s3cret-key")
    text = sources_text()
    lines = {line.split()[0]: line for line in text.splitlines() if line.split()}
    assert "60 in 60 s" in lines["yahoo"]
    assert lines["yahoo"].endswith("none needed")
    assert lines["kraken"].split() == ["kraken", "5", "in", "6", "s", "none", "needed"]
    assert "TIINGO_API_KEY (set)" in lines["tiingo"]
    assert "FRED_API_KEY (not set; from https://fredaccount.stlouisfed.org/apikeys)" in lines["fred"]
    assert "s3cret" not in text
    assert rebalance("data", "list", "sources").out.strip() == text.strip()


def test_each_source_is_tried_with_one_request_and_an_answer_of_another_shape_is_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIINGO_API_KEY", "s3cret-key")
    bars = desk.server.bars["SPY"]
    desk.server.bars |= dict.fromkeys(("spy.us", "DGS10", "BTC/USD", "BTC/EUR"), bars)
    found, is_failed = tried_sources(desk.time.clock)
    lines = {line.split()[0]: line for line in found.splitlines()}
    assert lines["yahoo"].endswith(f" rows up to {TODAY}")
    assert lines["tiingo"].endswith(f" rows up to {TODAY}")
    assert lines["alpha_vantage"].endswith("not asked: ALPHAVANTAGE_API_KEY is not set")
    assert not is_failed, found
    desk.server.faults = {"SPY": "HTML"}
    found, is_failed = tried_sources(desk.time.clock)
    assert is_failed
    assert "rows up to" not in next(line for line in found.splitlines() if line.startswith("tiingo"))
    assert "s3cret" not in found


def test_a_key_in_the_keyring_is_listed_as_set(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIINGO_API_KEY", raising=False)
    monkeypatch.setattr(
        "desk.feeds.fetching._from_keyring", lambda name: "s3cret-key" if name == "TIINGO_API_KEY" else ""
    )
    assert "TIINGO_API_KEY (set)" in sources_text()


def test_a_coin_is_not_asked_for_at_a_source_of_shares(desk: Desk) -> None:
    text = desk.file.read_text().replace("source: yahoo", "source: tiingo").replace("AGG:", "BTC:")
    desk.file.write_text(text)
    with pytest.raises(DataError, match="BTC is a coin, which tiingo is not asked for"):
        desk.fetch()


def findings(named: str, against: str | None = None) -> tuple[Finding, ...]:
    prices = check_data(named, against).prices
    assert prices is not None
    return prices.findings


def test_a_check_of_series_has_no_score_and_fails_where_they_are_late(desk: Desk) -> None:
    desk.fetch()
    done = rebalance("data", "check", "fred")
    assert done.status == 0, done.err
    assert "score" not in done.out.replace("has no score", "")
    [row] = [line.split() for line in done.out.splitlines() if line.startswith("DTB3 ")]
    assert row == ["DTB3", f"{len(DAYS) - 1}", "1.0", "2022-06-01", TODAY, "0"]
    desk.time.move(8 * 24 * 3600.0)
    late = rebalance("data", "check", "fred")
    assert late.status == 1
    assert f"DTB3 is late: its last observation is of {TODAY}, 9 days ago, and the median step is 1 day." in late.out


def test_a_check_ends_with_status_one_where_something_must_be_looked_at(desk: Desk) -> None:
    early = rebalance("data", "check", desk.file)
    assert (early.status, early.out) == (2, "")
    assert "has no prices yet" in early.err
    desk.fetch()
    clean = rebalance("data", "check", desk.file)
    assert clean.status == 0, clean.out
    assert findings("yahoo") == findings(str(desk.file))
    desk.next_day(SPY=revised("SPY", "2023-01-13", 100.0))
    found = rebalance("data", "check", "yahoo")
    assert found.status == 1
    assert "2023-01-13" in found.out + found.err
    other = import_table(table_of(desk), "mine", desk.time.clock, adjustment="raw")
    assert "store 'mine' has them" in other
    apart = set(findings(str(desk.file), "mine")) - set(findings(str(desk.file)))
    assert [each.asset for each in apart] == ["SPY"]


def test_a_check_of_a_file_is_of_its_calendar_its_moment_and_its_repairs(desk: Desk) -> None:
    days = sessions(np.datetime64("2021-06-01"), np.datetime64("2023-01-18"), "XLON")
    walks = np.exp(np.cumsum(np.random.default_rng(0).normal(0.0, 0.01, (len(days), 2)), axis=0))
    table = pd.DataFrame({"Date": days, "A": 100.0 * walks[:, 0], "B": 100.0 * walks[:, 1]})
    table["A"] = table["A"].where(table.index != 100, 100.0 * table["A"])
    table.to_csv(desk.folder / "london.csv", index=False)
    import_table(desk.folder / "london.csv", "london", desk.time.clock, adjustment="raw", currency="USD")
    text = desk.file.read_text().replace("source: yahoo", "store: london").replace("XNYS", "XLON")
    desk.file.write_text(text.replace("SPY:", "A:").replace("AGG:", "B:"))
    assert [(each.asset, each.kind) for each in findings(str(desk.file))] == [("A", "scale")]
    repaired = f"XLON, repairs: [{{asset: A, days: {days[100]}, how: forward_fill}}]"
    desk.file.write_text(desk.file.read_text().replace("XLON", repaired))
    checked = check_data(str(desk.file))
    assert checked.cash.startswith("Cash: the bill's last rate, of 2022-12-30, serves 5 sessions")
    assert checked.text().endswith("state a yearly rate, such as `cash: 0.03`.")
    assert checked.prices is not None
    assert not checked.prices.must_be_looked_at
    desk.file.write_text(desk.file.read_text().replace("XLON", "XLON, known_on: 2022-01-01"))
    with pytest.raises(DataError, match="nothing was known of A"):
        check_data(str(desk.file))


# -- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("market", "said"),
    [
        ("multi_asset_daily", r"market: is fetched from no source .*found 'multi_asset_daily'"),
        ("{file: multi_asset_daily}", r"market: is fetched from no source"),
        ("{source: yaho}", r"market\.source: not one of its words .*found 'yaho'\. Did you mean 'yahoo'\?"),
    ],
)
def test_a_file_whose_market_is_no_source_is_refused(desk: Desk, market: str, said: str) -> None:
    text = desk.file.read_text().replace("{source: yahoo, cash: bill, calendar: XNYS}", market)
    desk.file.write_text(text)
    with pytest.raises(ConfigError, match=said):
        desk.fetch()
    assert desk.server.asked == []


def test_the_last_session_wanted_is_one_whose_bars_sources_have(desk: Desk) -> None:
    desk.file.write_text(desk.file.read_text().replace("AGG:", "VFIAX:"))
    for moment, lasts in {
        "2023-01-18T21:29:00": ["2023-01-17", "2023-01-17"],  # half an hour after the close, and eight for a fund
        "2023-01-18T21:30:00": ["2023-01-18", "2023-01-17"],
        "2023-01-19T05:00:00": ["2023-01-18", "2023-01-18"],
        "2023-01-16T12:00:00": ["2023-01-13", "2023-01-13"],  # a holiday
    }.items():
        wanted = needs_of(desk.file, Time(moment).clock.now())["yahoo"]
        assert [str(each.last) for each in wanted] == lasts


@pytest.mark.parametrize(("source", "minutes"), [("yahoo", 30), ("tiingo", 90), ("stooq", 240), ("alpha_vantage", 240)])
def test_each_source_has_its_own_delay(desk: Desk, source: str, minutes: int) -> None:
    desk.file.write_text(desk.file.read_text().replace("source: yahoo", f"source: {source}"))
    closed = datetime(2023, 1, 18, 21, tzinfo=UTC)
    lasts = [
        str(needs_of(desk.file, closed + timedelta(minutes=after))[source][0].last) for after in (minutes - 1, minutes)
    ]
    assert lasts == ["2023-01-17", "2023-01-18"]
    assert delays_of(desk.file) == {"XNYS": timedelta(minutes=minutes)}


def test_a_check_says_that_dividends_are_unknown_where_nothing_states_what_closes_are_adjusted_for(desk: Desk) -> None:
    import_table(table_of(desk), "mine", desk.time.clock)
    assert "What the prices of mine are adjusted for is not stated" in " ".join(check_data("mine").text().split())
    import_table(table_of(desk), "stated", desk.time.clock, adjustment="raw")
    assert "not stated" not in check_data("stated").text()
