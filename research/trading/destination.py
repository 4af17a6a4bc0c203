"""Where a trade list may be written: to a new file or over a plain one, and over none that it is made from."""

import stat
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from research.arguments import refuse
from research.errors import ConfigError
from research.market.tables import DATA
from research.portfolio import Portfolio

KINDS = {
    stat.S_ISDIR: "a folder",
    stat.S_ISLNK: "a link",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
}
FIX = "give the path of a new file, or of an earlier list to replace, such as trades.csv."


def check_destination(subject: str, path: str | Path, inputs: Iterable[Path] = ()) -> Path:
    """The path, if a file can be written there without harm to anything but an earlier list.

    subject : the parameter, which begins the sentence of an error.
    path    : where to write; its folder exists.
    inputs  : files that must stay as they are; asked for only where the path exists. Hard links to them and other
              spellings of their paths are found too.
    Raises  : ConfigError for an empty path, a folder that does not exist, for whatever exists and is no plain file (a
              folder, a link, a device, a pipe, a socket), and for an input.
    """
    if not str(path) or "\0" in str(path):
        refuse(f"{subject} is", str(path), FIX)
    path = Path(path)
    if not path.parent.is_dir():
        raise ConfigError(f"{subject} is {str(path)!r}, in a folder that does not exist: make the folder, or {FIX}")
    try:
        found = path.lstat()
    except FileNotFoundError:
        return path
    if not stat.S_ISREG(found.st_mode):
        kind = next((words for test, words in KINDS.items() if test(found.st_mode)), "no plain file")
        raise ConfigError(f"{subject} is {str(path)!r}, which is {kind}: {FIX}")
    for other in inputs:
        if other.exists() and other.samefile(path):
            raise ConfigError(f"{subject} is {str(path)!r}, which is {other}, a file that lists are made from: {FIX}")
    return path


def files_behind(portfolio: Portfolio) -> Iterator[Path]:
    """The files that a portfolio's lists are made from: its own, its market's, and all data of the workbench."""
    file, market = Path(portfolio.file), portfolio.settings.get("market")
    yield file
    named = market if isinstance(market, dict) else {"file": market}
    yield from (file.parent / str(named[key]) for key in ("file", "quotes", "volumes") if named.get(key))
    for folder in DATA.iterdir():
        yield from folder.rglob("*") if folder.name != "cache" else ()
    package = find_spec("skfolio")  # found and not imported, which would take seconds
    if package is not None and package.origin is not None:
        yield from (Path(package.origin).parent / "datasets" / "data").glob("*")
