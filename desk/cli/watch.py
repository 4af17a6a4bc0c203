"""`rebalance desk watch | install | uninstall`: decision cycles of portfolio files without a person."""

from pathlib import Path

import typer

from desk.cli.options import File, TrustCode, argument, option, starting
from desk.commands.cycle.kept_environment import load_environment
from desk.commands.terminal import print_text
from foundation.errors import ConfigError


def watch(
    files: list[Path] = argument("Portfolio files, or one word: pause, resume, stop, status or check."),
    once: bool = option("Do what is due now, and end."),
    every: str = option("Look at quotes of the moment so often while exchanges are open, such as 5m or 1h."),
    trust_code: TrustCode = None,
) -> None:
    """Run the decision cycle of each session after its close.

    Those that were missed come first. Prices are fetched before. It ends after the cycle under way where it is
    interrupted or terminated. With --once the exit status is 3 where a person is asked, and 1 where something
    failed or another process watches a file.

    In place of FILES: pause lets cycles go on and sends nothing; stop ends all watchers, and all sending; resume takes
    both back; status says how they stand. Each names the open orders of each portfolio. check says whether a watcher
    was killed or hangs, tells it by alerts, and its exit status then is 1.
    """
    _load_environment()
    with starting():
        import re
        import signal
        import time
        from datetime import timedelta
        from threading import Event

        from desk.commands.cycle.alerts import alert_cycle, alert_resolved, alert_trouble, send_waiting
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
    if len(words) == 1 and words[0] in SWITCHES:
        print_text(switched(words[0]))
        return
    for word in words:
        if not Path(word).suffix and not Path(from_workbench(word)).exists():
            raise ConfigError(
                f"{word!r} is no file, and no command: give files alone, or one of {listed([*SWITCHES, CHECK])}."
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
    watcher = Watcher(files, Clock(sleep=sleep), alerts, ended.is_set, trust_code=trust_code)
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
) -> None:
    """Have the decision cycles of FILE run by themselves.

    Fetches prices, opens a book that FILE then reads, tests alerts, and has systemd, or else cron, start the watcher
    with the machine. Says what happens next. Call it again after a change.
    """
    _load_environment()
    with starting(file):
        from desk.commands.cycle.install import install_desk

    print_text(install_desk(file, notify, on_paper=paper))


def uninstall(file: File) -> None:
    """End the watcher of FILE, and start it no more. Its book, journal and prices stay."""
    with starting():
        from desk.commands.cycle.install import uninstall_desk

    print_text(uninstall_desk(file))
