"""`rebalance desk run`, `history`, `watch` and `install`: decision cycles, by hand and without a person."""

from pathlib import Path
from typing import Literal

import typer

from desk.cli.options import File, argument, option, starting, trusted
from desk.commands.cycle import PERSON_ASKED
from desk.commands.cycle.kept_environment import load_environment
from desk.commands.terminal import print_text, tell
from foundation.errors import ConfigError


def run(
    file: File,
    as_of: str = option(
        "Day of the cycle, YYYY-MM-DD: later closes are left out. [default: the exchange's]", metavar="DAY"
    ),
    out: list[str] | None = option("Write the list of the decision to this file, by its ending; may be repeated."),
    record: list[Path] | None = option("Write the record of the cycle to this file: .json, or .html; may be repeated."),
    view: list[str] | None = option(
        "Print timeline, who handed what to whom, and when, in place of the screen; words, also the briefing in the "
        "prose of the language model, checked; may be repeated.",
        metavar="timeline|words",
    ),
    replay: str = option(
        "Play the cycle over the history of these days, beside the plain policy, and journal nothing.",
        metavar="FIRST:LAST",
    ),
) -> None:
    """Decide on FILE today, and journal why: one decision cycle.

    The file's policy decides, unless it says `cycle: {decides: scenarios}`. Nothing is sent unless it says
    `cycle: {acts: ...}`. Exit status 3 where a person is asked.
    """
    with starting(file):
        from desk.commands.cycle.cycle import make_cycle, replay_text
        from desk.commands.cycle.records import check_records, write_page, write_record
        from desk.cycle.prose import prose_of
        from foundation.arguments import one_of

    records, views = record or (), view or ()
    for name in views:
        one_of("--view is", name, ("timeline", "words"))
    if replay:
        first, _, last = replay.partition(":")
        if not (first and last) or as_of or out or records or views:
            raise ConfigError(f"--replay is {replay!r}: give it as FIRST:LAST, and no other option of a cycle.")
        print_text(replay_text(file, first, last, trusted()))
        return
    check_records(records)
    made = make_cycle(file, as_of, tuple(out or ()), with_timeline="timeline" in views, trust_code=trusted())
    print_text(made.text)  # before a file, which may fail: orders may be sent
    for path in records:
        if path.suffix == ".html":
            write_page(path, made.document, made.status, made.sending)
        else:
            write_record(path, made.document)
    if "words" in views:
        print_text(f"\n{prose_of(made.document, made.status)}")
    if made.asks:
        raise typer.Exit(PERSON_ASKED)


def show_history(
    about: list[str] | None = argument("A portfolio, id, order or files, as --view says. [default: all]", default=None),
    view: Literal["cycles", "record", "why", "live", "governance"] = option("What to print.", default="cycles"),
    limit: int = option("Number of cycles.", default=10, min=1),
    as_of: str = option("Day of governance, YYYY-MM-DD. [default: the exchange's]", metavar="DAY"),
    out: Path | None = option("Also write it as a page, .html; of cycles, the page of each into this folder."),
) -> None:
    """Print what `desk run` has recorded.

    \b
    --view cycles [NAME]        those of the newest sessions, of all or of one
                                portfolio, by the name that it has
    --view record ID            the kept record of one: briefing, hand-overs
    --view why ORDER            why an order was made, by its client id: its
                                fills, list, decision, policy, run and data
    --view live FILE            the live record of FILE, of its book or its
                                nav_history, beside its backtest; whether it
                                contradicts the backtest, or the test's promise
    --view governance FILES     models, controls, surveillance and approvals
    """
    given = about or []
    if (view in ("record", "why", "live") and len(given) != 1) or (view == "cycles" and len(given) > 1):
        raise ConfigError(f"--view {view} takes one word: found {' '.join(given) or 'none'}.")
    if view == "governance" and not given:
        raise ConfigError("--view governance takes portfolio files: found none.")
    if out is not None and view in ("record", "why"):
        raise ConfigError(f"--out writes a page, and --view {view} has none: leave one of the two out.")
    if as_of and view != "governance":
        raise ConfigError("--as-of is the day of --view governance: leave it out.")
    first = given[0] if given else ""
    if view == "live":
        with starting(Path(first)):
            from desk.commands.cycle.live import live_text

        return print_text(live_text(Path(first), out, trusted()))
    if view == "governance":
        with starting():
            from desk.commands.cycle.governance import governance_text

        return print_text(governance_text([*map(Path, given)], as_of, out, trusted()))
    if view == "why":
        with starting():
            from desk.commands.orders.journal import why_text

        return print_text(why_text(first))
    with starting():
        from desk.commands.cycle.history import history_text, record_text

    print_text(record_text(first) if view == "record" else history_text(limit, first, out))


def watch_sessions(
    files: list[Path] = argument("Portfolio files, or one word: pause, resume, stop, status, check or test."),
    once: bool = option("Do what is due now, and end."),
    every: str = option("Look at quotes of the moment so often while exchanges are open, such as 5m or 1h."),
) -> None:
    """Run the decision cycle of each session after its close.

    Those that were missed come first. Prices are fetched before. It ends after the cycle under way where it is
    interrupted or terminated. With --once the exit status is 3 where a person is asked, and 1 where something
    failed or another process watches a file.

    In place of FILES: pause lets cycles go on and sends nothing; stop ends all watchers, and all sending; resume takes
    both back; status says how they stand. Each names the open orders of each portfolio. check says whether a watcher
    was killed or hangs, tells it by alerts, and its exit status then is 1. test sends a test to each channel of
    `alerts.yaml`; its exit status is 1 if one failed.
    """
    _load_environment()
    with starting():
        import re
        import signal
        import time
        from datetime import timedelta
        from threading import Event

        from desk.commands.cycle.alerts import TEST, alert_cycle, alert_resolved, alert_trouble, send_test, send_waiting
        from desk.commands.cycle.heartbeat import CHECK, check_watchers
        from desk.commands.cycle.watch import SWITCHES, Alerts, Watcher, switched
        from desk.feeds.pace import Clock
        from foundation.files import from_workbench
        from foundation.paper.wording import listed

    words = [str(file) for file in files]
    if words == [CHECK]:
        said, is_lost = check_watchers()
        print_text(said)
        raise typer.Exit(int(is_lost))
    if words == [TEST]:
        return tell(*send_test())
    if len(words) == 1 and words[0] in SWITCHES:
        print_text(switched(words[0]))
        return
    for word in words:
        if not Path(word).suffix and not Path(from_workbench(word)).exists():
            raise ConfigError(
                f"{word!r} is no file, and no command: give files alone, or one of {listed([*SWITCHES, CHECK, TEST])}."
            )
    given = re.fullmatch(r"([1-9]\d{0,3})([mh])", every)
    if every and (once or given is None):
        raise ConfigError(f"--every is {every!r}: give minutes or hours, such as 5m or 1h, and not with --once.")
    spaced = timedelta(minutes=int(given[1]) * (60 if given[2] == "h" else 1)) if given else timedelta.max
    ended = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())

    def sleep(seconds: float) -> None:
        """Sleep until the end is asked for; a fetch that is under way then still keeps the pace of its source."""
        (time.sleep if ended.is_set() else ended.wait)(seconds)

    alerts = Alerts(alert_cycle, alert_trouble, alert_resolved, send_waiting)
    watcher = Watcher(files, Clock(sleep=sleep), alerts, ended.is_set, trust_code=trusted())
    raise typer.Exit(watcher.run(once=once, every=spaced))


def _load_environment() -> None:
    """Take what is kept for watchers into the environment; that it cannot be taken is told by alerts, too."""
    try:
        load_environment()
    except ConfigError as error:
        from desk.commands.cycle.alerts import alert_trouble
        from desk.cycle.alerts import URGENT
        from desk.journal.records import Alert

        alert_trouble(Alert("rebalance", "no watcher starts", URGENT, str(error), "Mend that file."))
        raise


def install(
    file: File,
    paper: bool = option("Send the lists of its cycles to the paper venue."),
    notify: str = option("Address to which alerts are posted, such as a webhook of Slack or Discord."),
    remove: bool = option("End the watcher of FILE, and start it no more. Its book, journal and prices stay."),
) -> None:
    """Have the decision cycles of FILE run by themselves.

    Fetches prices, opens a book that FILE then reads, tests alerts, and has systemd, or else cron, start the watcher
    with the machine. Says what happens next. Call it again after a change.
    """
    if remove:
        if paper or notify:
            raise ConfigError("--remove ends what runs: leave --paper and --notify out.")
        with starting():
            from desk.commands.cycle.install import uninstall_desk

        return print_text(uninstall_desk(file))
    _load_environment()
    with starting(file):
        from desk.commands.cycle.install import install_desk

    print_text(install_desk(file, notify, on_paper=paper))
