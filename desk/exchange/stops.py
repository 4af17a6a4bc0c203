"""The stops of a desk: files that stop sending, and another process that sends for the same portfolio."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foundation.errors import ConfigError
from foundation.files import locked
from foundation.home import home_folder

STOP, PAUSE = "STOP", "PAUSE"  # files in `home_folder()`
RESUME = "rebalance desk watch resume"  # what removes both


def stop_file(folder: Path | None = None) -> str:
    """The path of the file that stops all sending, or "" where there is none. folder : None takes `home_folder()`."""
    return _path_if_there(STOP, folder)


def pause_file(folder: Path | None = None) -> str:
    """The path of the file that keeps cycles from sending, or "" where there is none; what persons send goes."""
    return _path_if_there(PAUSE, folder)


def stop_words() -> str:
    """A sentence on STOP or PAUSE, with the command that removes it; "" where neither is there."""
    stop, pause = stop_file(), pause_file()
    held = f"Nothing is sent while {stop} is there" if stop else f"No cycle sends while {pause} is there"
    return f"{held}. To go on: {RESUME}" if stop or pause else ""


def _path_if_there(name: str, folder: Path | None) -> str:
    path = (folder or home_folder()) / name
    return str(path) if path.exists() else ""


def sending_lock(portfolio: str) -> Path:
    """The file of the lock that a process holds while it sends a list of a portfolio."""
    return home_folder() / f".{portfolio}.execute.lock"


@contextmanager
def alone(portfolio: str) -> Iterator[None]:
    """Hold a portfolio, so that no other process sends a list of it. Raises ConfigError where one does."""
    home_folder().mkdir(parents=True, exist_ok=True)
    with locked(sending_lock(portfolio), wait=False) as is_free:
        if not is_free:
            raise ConfigError(f"another process sends a list of {portfolio}: wait until it ends, and call again.")
        yield
