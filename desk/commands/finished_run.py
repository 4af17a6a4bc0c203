"""One finished run: its text, its page, and the note on it."""

import json
from pathlib import Path

from backtests.runs.folder import SUMMARY_FILE
from backtests.runs.verify import verify
from foundation.arguments import refuse
from foundation.errors import DataError
from foundation.files import locked, write_whole

REPLAYED = ("report", "backtest", "risk", "plan", "allocate", "forecast")  # kinds that are made from a portfolio file
NOTES, LONGEST_NOTE = "notes.json", 200  # of the folder of runs; characters of a note
SHEETS = (
    "tearsheet.html", "sheet.html", "risk.html", "plan.html", "allocate.html", "forecast.html", "sweep.html",
    "laboratory.html", "client.html",
)  # fmt: skip


def show_text(run: Path) -> str:
    """The text that a run printed when it was made, and the path of its sheet; from its files alone.

    run    : folder of the run.
    Raises : DataError where it is no finished run, or was made before runs kept their text.
    """
    found = verify(run)
    text = found.folder / SUMMARY_FILE
    if not text.exists():
        raise DataError(f"{found.folder} has no {SUMMARY_FILE}, so it cannot be shown. Make the run again.")
    sheet = page_of_run(found.folder)
    parts = [text.read_text(encoding="utf-8").rstrip(), *([] if sheet is None else [f"Sheet: {sheet}"])]
    if found.changed:
        parts.append(repr(found))
    return "\n\n".join(parts)


def page_of_run(folder: Path) -> Path | None:
    """The page of a run; None where it has none."""
    return next((folder / name for name in SHEETS if (folder / name).exists()), None)


def run_notes(reports: Path) -> dict[str, str]:
    """The note on each run, by the run's name."""
    path = reports / NOTES
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
    except ValueError as error:
        raise DataError(f"{path} cannot be read: {error}. Mend it, or delete it: it holds the notes alone.") from error


def note_run(run: Path, text: str) -> str:
    """Note something of a run, beside it: its own files stay as they are. An empty text takes the note away.

    run    : folder of the run.
    text   : one line.
    Raises : DataError for what is no finished run; ConfigError for a text of more than one line.
    """
    if not text.isprintable() or len(text) > LONGEST_NOTE:
        refuse("note is", text, f"give one line of at most {LONGEST_NOTE} characters.")
    folder = verify(run).folder
    with locked(folder.parent / f".{NOTES}", wait=True):
        notes = run_notes(folder.parent) | {folder.name: text}
        kept = {name: note for name, note in notes.items() if note}
        write_whole(folder.parent / NOTES, json.dumps(kept, indent=2, ensure_ascii=False).encode())
    return f"{folder.name}: {text or 'no note'}"
