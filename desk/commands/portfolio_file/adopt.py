"""The policy that the newest report of a portfolio file recommends, written into the file."""

import errno
from pathlib import Path

from backtests.runs.folder import reports_folder
from backtests.runs.manifest import past_runs
from desk.commands.orders.trades import newest_run
from desk.commands.portfolio_file.yaml_text import with_values, yaml_word
from foundation.errors import ConfigError
from foundation.files import ROOT, write_whole
from foundation.sets import INSTALLED
from research.portfolio import Portfolio, load_portfolio


def adopt_recommendation(file: Path, trust_code: bool | None = None) -> str:
    """Write `policy` of a portfolio file as its newest report recommends it, and give the difference.

    All else of the text stays as it is.
    Raises : ConfigError for a file that comes with an installed workbench, or cannot be written, where no report is of
             the file and the prices as they are now, and where it recommends no other policy than that of the file; as
             `load_portfolio` does.
    """
    portfolio = load_portfolio(file, trust_code=trust_code)
    path = Path(portfolio.file)
    if INSTALLED and path.resolve().is_relative_to(ROOT.resolve()):
        raise ConfigError(f"{file} comes with the installed workbench, and stays as it is. Copy it, and name the copy.")
    found = newest_run(portfolio, reports_folder(portfolio.file))
    if found is None:
        raise ConfigError(f"{_why_none(portfolio)} Run `rebalance report {file}`, and read what it says.")
    run, advised = found[1]["run"], found[1]["recommendation"]["policy"]
    if advised is None:
        raise ConfigError(f"report {run} recommends no policy: nothing can be adopted. Read its first lines.")
    if advised == portfolio.policy:
        raise ConfigError(f"{file} already follows {advised}, as report {run} recommends: nothing is to be adopted.")
    with path.open(encoding="utf-8", newline="") as opened:  # as its lines end
        text = opened.read()
    _write(path, with_values(text, {"policy": advised}), f"write `policy: {yaml_word(advised)}` into a copy")
    before = "no policy" if portfolio.policy is None else f"policy: {yaml_word(portfolio.policy)}"
    return (
        f"{file} had {before}, and has policy: {yaml_word(advised)}, as report {run} recommends.\n"
        f"Next: rebalance trades {file}"
    )


def _write(path: Path, text: str, instead: str) -> None:
    """Write a file whole that may be written. Raises ConfigError for one that is read-only, or in such a folder."""
    why = "it is read-only"
    try:
        if path.stat().st_mode & 0o222:
            write_whole(path, text)
            return
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):  # such as a full disk
            raise
        why = str(error.strerror)
    raise ConfigError(f"{path} cannot be written ({why}), and stays as it is. Make it writable, or {instead}.")


def _why_none(portfolio: Portfolio) -> str:
    """The reason why no report is of a file and its prices as they are now."""
    runs, name = past_runs(reports_folder(portfolio.file)).whole, Path(portfolio.file).stem
    newest = next((pair for pair in runs if pair[1]["portfolio"] == name), None)
    if newest is None:
        return f"there is no report of {portfolio.file}."
    changed = "prices" if newest[1]["fingerprint"] != portfolio.market.fingerprint else "text"
    return f"the {changed} of {portfolio.file} changed since report {newest[0].name}: its advice is of before."
