"""Permitted destinations of a trade list: a new file, or an earlier list that belongs to no run."""

import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from desk.tickets.formats import format_of
from foundation.arguments import refuse
from foundation.errors import ConfigError

ENDING_OF_FORMAT = {
    stat.S_ISDIR: "a folder",
    stat.S_ISLNK: "a link",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
}
FIX = "give the path of a new file, or of an earlier list to replace, such as trades.csv."


def check_destination(
    subject: str, path: str | Path, kept: Iterable[Path] = (), is_ours: Callable[[BinaryIO], bool] | None = None
) -> Path:
    """The path, if a list can be written there without harm to anything but an earlier one of the same format.

    subject : the parameter, which begins the sentence of an error.
    path    : path to write to; its folder exists.
    kept    : lists that must stay as they are; asked for only where the path exists. Hard links to them and other
              spellings of their paths are found too.
    is_ours : test that an open file holds an earlier list; by default that of the format of the ending.
    Raises  : ConfigError for an empty path, an ending of no format, a folder that does not exist, for whatever exists
              and is no plain file (a folder, a link, a device, a pipe, a socket), for a file that is no trade list, and
              for one that is kept.
    """
    if not str(path).strip() or str(path) == "-" or "\0" in str(path):
        refuse(f"{subject} is", str(path), FIX)
    is_ours, path = is_ours or format_of(subject, path).is_ours, Path(path)
    if not path.parent.is_dir():
        raise ConfigError(f"{subject} is {str(path)!r}, in a folder that does not exist: make the folder, or {FIX}")
    try:
        found = path.lstat()
    except FileNotFoundError:
        return path
    if not stat.S_ISREG(found.st_mode):
        kind = next((words for test, words in ENDING_OF_FORMAT.items() if test(found.st_mode)), "no plain file")
        raise ConfigError(f"{subject} is {str(path)!r}, which is {kind}: {FIX}")
    with open(path, "rb") as opened:
        if found.st_size and not is_ours(opened):
            raise ConfigError(f"{subject} is {str(path)!r}, which holds something else than a trade list: {FIX}")
    for other in kept:
        if other.exists() and other.samefile(path):
            raise ConfigError(f"{subject} is {str(path)!r}, which belongs to the run {other.parent.name}: {FIX}")
    return path
