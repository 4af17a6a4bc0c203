"""`rebalance desk run`, `history`, `live`, `governance`, `alerts test`: the decision cycle, and what became of it."""

from pathlib import Path

import typer

from desk.cli.options import File, KnownOn, Reports, TrustCode, argument, option, starting
from desk.commands.cycle import PERSON_ASKED
from desk.commands.terminal import print_text, tell
from foundation.errors import ConfigError
from foundation.progress import bar


def run(
    file: File,
    as_of: str = option(
        "Day of the cycle, YYYY-MM-DD: later closes are left out. [default: the exchange's]", metavar="DAY"
    ),
    out: list[str] | None = option("Write the list of the decision to this file, by its ending; may be repeated."),
    export: Path | None = option("Write the record of the cycle to this file, as JSON."),
    page: Path | None = option("Write the page of the cycle to this file, .html."),
    first: str = option("Play the cycle over history from this day, YYYY-MM-DD.", "--from", metavar="DAY"),
    last: str = option("Last day of that history, YYYY-MM-DD.", "--to", metavar="DAY"),
    words: bool = option("Print the briefing in the prose of the language model, checked."),
    with_timeline: bool = option("Print who handed what to whom, and when, in place of the screen.", "--timeline"),
    as_known_on: KnownOn = None,
    trust_code: TrustCode = None,
    reports: Reports = None,
) -> None:
    """Decide on FILE today, and journal why: one decision cycle.

    The file's policy decides, unless it says `cycle: {decides: scenarios}`. Nothing is sent unless it says
    `cycle: {acts: ...}`. Exit status 3 where a person is asked.

    With --from and --to, play the cycle over these days beside the plain policy, and journal nothing.
    """
    with starting(file):
        from desk.commands.cycle.cycle import make_cycle, replay_text
        from desk.commands.cycle.records import check_outputs, write_page, write_record
        from desk.cycle.prose import prose_of

    if first or last:
        if not (first and last) or as_of or out or export or page or with_timeline or words:
            raise ConfigError("--from and --to play the cycle over history: give both, and no other option of a cycle.")
        print_text(replay_text(file, first, last, reports, trust_code))
        return
    check_outputs(page, export)
    made = make_cycle(file, as_of, tuple(out or ()), reports, with_timeline=with_timeline, trust_code=trust_code)
    print_text(made.text)  # before a file, which may fail: orders may be sent
    if export is not None:
        write_record(export, made.document)
    if page is not None:
        write_page(page, made.document, made.status, made.sending)
    if words:
        print_text(f"\n{prose_of(made.document, made.status)}")
    if made.asks:
        raise typer.Exit(PERSON_ASKED)


def history(
    limit: int = option("Number of cycles.", default=10, min=1),
    portfolio: str = option("Only cycles of this portfolio, such as sixty_forty."),
    pages: Path | None = option("Write the page of each of them into this folder."),
    show: str = option("Print the kept record of this id: briefing and hand-overs.", metavar="ID"),
) -> None:
    """Print the decision cycles of the newest sessions.

    Session, time of the run, id, portfolio, status, alternative, orders.
    """
    with starting():
        from desk.commands.cycle.history import history_text, record_text

    print_text(record_text(show) if show else history_text(limit, portfolio, pages))


def live(
    file: File,
    out: Path | None = option("Also write it to this file as a page: .html."),
    as_known_on: KnownOn = None,
    trust_code: TrustCode = None,
    reports: Reports = None,
) -> None:
    """Print the live record of FILE beside its backtest.

    Both columns, since when and why they differ. The record is that of the book of FILE, or of its `nav_history`.
    An interval that may be looked at each day says when it contradicts the backtest, or what the test promised.
    """
    with starting(file):
        from desk.commands.cycle.live import live_text

    print_text(live_text(file, out, reports, trust_code))


def governance(
    files: list[Path] = argument("Portfolio files."),
    as_of: str = option("Day of the page, YYYY-MM-DD. [default: the exchange's]", metavar="DAY"),
    out: Path | None = option("Also write it to this file, .html, as one page."),
    trust_code: TrustCode = None,
    reports: Reports = None,
) -> None:
    """Print what governs FILES: models, controls and approvals.

    Models with versions and validation, controls in force, surveillance, approvals.
    """
    with starting():
        from desk.commands.cycle.governance import governance_html, governed
        from foundation.files import write_whole, writing

    if out is not None and out.suffix != ".html":
        raise ConfigError(f"--out is {str(out)!r}: end it with .html.")
    with bar(None, "reading prices, runs and the journal"):
        found = governed(files, as_of, reports, trust_code)
        text = "\n\n".join(each.text for each in found)
        if out is not None:
            with writing(out):
                write_whole(out, governance_html(found))
    print_text(text)


def test_alerts() -> None:
    """Send a test to each channel of `alerts.yaml`.

    Says what each answers. Exit status 1 if one failed.
    """
    with starting():
        from desk.commands.cycle.alerts import send_test

    tell(*send_test())
