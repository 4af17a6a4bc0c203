"""A portfolio that somebody sent, read as the command line reads a file; its mistakes with their places."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from math import inf
from pathlib import Path
from typing import Any

from desk.commands.portfolio_file.new import NewFile, new_text, on_loading
from desk.service.problems import IN_JSON, FieldMistake, of_finding, pointer, shown_value
from foundation.arguments import shown
from foundation.errors import ConfigError, InputFault
from foundation.files import ROOT, write_whole
from foundation.names import name_fault
from research.portfolio import load_portfolio
from research.portfolio.file.document import TRUST
from research.portfolio.file.faults import Mistake, Mistakes
from research.portfolio.file.strict_yaml import read_yaml

SHIPPED_FILES = ROOT / "data"  # the shipped files
SENT_FILE = "portfolio.yaml"  # name of a text before its own name is known
POSITIONS = "positions.csv"  # name of the broker's file of a portfolio that is made from it
LINE_BREAKS = re.compile("[\x85\u2028\u2029]")  # YAML takes them for breaks, JSON does not
MONGODB = "mongodb"
NO_CODE = "Name a rule or an allocation of the workbench: no code of yours runs here."


def read_sent(folder: str, text: str, is_yaml: bool) -> dict[str, Any]:
    """The `name` and the `tree` of a text of YAML, or its `mistakes`; it is written beside its files.

    folder  : folder of the files that it names.
    is_yaml : false for what was sent as JSON, whose mistakes have no line.
    """
    os.chdir(folder)  # messages then name files as the text does
    tree: dict[str, Any] = {}
    try:
        write_whole(SENT_FILE, text)
        tree, _ = read_yaml(SENT_FILE)
        name = tree.get("name")
        if mistakes := [*_foreign(tree), *_book_of_another(tree, name), *_server_of_tools(tree)]:
            return {"mistakes": [asdict(each) for each in mistakes]}
        file = SENT_FILE if name_fault(name) else f"{name}.yaml"
        os.replace(SENT_FILE, file)
        if MONGODB not in tree:
            load_portfolio(file, trust_code=False)
    except Mistakes as error:
        found = [each for one in error.each if one.text for each in field_mistakes(one, tree, is_yaml)]
        return {"mistakes": [asdict(one) for one in found]}
    except ConfigError as error:
        return {"mistakes": [asdict(each) for each in field_mistakes(Mistake(str(error)), tree, is_yaml)]}
    return {"name": name, "tree": tree}


def from_positions(folder: str, name: str, positions: str, asked: dict[str, Any]) -> dict[str, Any]:
    """A new portfolio with a broker's positions, which are written beside it.

    folder    : folder in which both are to stand.
    positions : text of the broker's file, "" for none: then `asked` has `nav`.
    asked     : further fields of `NewFile`.
    Returns   : its `text`, `notes` on it, and the rows of `held` and of `cash`.
    Raises    : ConfigError and DataError as `new_text` does.
    """
    os.chdir(folder)
    write_whole(POSITIONS, positions)
    file, source = Path(f"{name}.yaml"), Path(POSITIONS) if positions else None
    made = new_text(NewFile(file, positions=source, **asked))
    write_whole(file, made.text)
    rows = {"held": [], "cash": []} if made.positions is None else asdict(made.positions)
    return {"text": made.text, "notes": list(made.notes), "held": rows["held"], "cash": rows["cash"]}


def look_at_positions(folder: str, name: str, positions: str, asked: dict[str, Any]) -> dict[str, Any]:
    """The same, with notes on what is odd about it once it is read beside its prices."""
    made = from_positions(folder, name, positions, asked)
    return {**made, "notes": [*dict.fromkeys((*made["notes"], *on_loading(Path(f"{name}.yaml"))))]}


def yaml_of(tree: dict[str, Any]) -> str:
    """A mapping as JSON that is YAML too, so that the reader of files takes it."""
    text = json.dumps(tree, indent=1, ensure_ascii=False, allow_nan=False)
    return LINE_BREAKS.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def field_mistakes(one: Mistake, tree: dict[str, Any], is_yaml: bool) -> list[FieldMistake]:
    """A mistake of a file as those of a payload, one for each of the file that its value names.

    tree : the mapping, out of which its value is taken.
    """
    if one.findings:
        return [of_finding(each, pointer(one.path)) for each in one.findings]
    found: Any = tree
    for key in one.path:
        with suppress(ValueError, IndexError):
            found = found.get(key) if isinstance(found, dict) else found[int(key)] if isinstance(found, list) else None
    parts = InputFault.of(one.text)
    what, fix = (one.what, one.fix) if one.what else (str(replace(parts, mend="")), parts.mend)
    fix = NO_CODE if TRUST in fix else fix if is_yaml else IN_JSON.get(fix, fix)
    fix = fix.replace(f", as seen from {Path.cwd()}", ", and send it with the portfolio, as one of `files`")
    line = f"line {one.line}: " if is_yaml and 0 < one.line < inf and one.what else ""
    value = None if found is None or not one.path else shown_value(found)
    return [FieldMistake(pointer(one.path), line + what, value, fix)]


def _book_of_another(tree: dict[str, Any], name: object) -> Iterator[FieldMistake]:
    """The name of a book that is not called as the portfolio: it may be that of another user."""
    positions = tree.get("positions")
    book = positions.get("book") if isinstance(positions, dict) else None
    if book not in (None, name):
        fix = f"Name it as the portfolio: {shown(name)}."
        yield FieldMistake("/positions/book", "not the book of this portfolio", book, fix)


def _server_of_tools(tree: dict[str, Any]) -> Iterator[FieldMistake]:
    """A market from a server that its text names: nothing here calls an address or a command of users."""
    market = tree.get("market")
    if isinstance(market, dict) and isinstance(market.get("source"), dict):
        fix = "Fetch its prices on your machine, and send them as a file."
        yield FieldMistake("/market/source", "a server of tools, which is not called here", None, fix)


def _foreign(tree: Any, path: tuple[str, ...] = ()) -> Iterator[FieldMistake]:
    """The values that lead out of the folder of a portfolio, other than to the shipped data, as paths or links."""
    if isinstance(tree, dict | list):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from _foreign(value, (*path, str(key)))
    elif isinstance(tree, str):
        with suppress(ValueError):  # NUL, which the reader refuses
            where = (Path.cwd() / tree).resolve()
            if not (where.is_relative_to(Path.cwd().resolve()) or where.is_relative_to(SHIPPED_FILES)):
                fix = "Send the file with the portfolio, and name it alone, such as positions.csv."
                yield FieldMistake(pointer(path), "a path that leads out of the portfolio's folder", tree, fix)
