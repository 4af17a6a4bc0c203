"""Stress tests of a portfolio file: named episodes and hypothetical shocks, the house's own or those of the desk.

The house's stand in `data/stress.yaml`. A portfolio file may name another file, and add its own:

    stress:
      file: our_stress.yaml
      episodes: {Taper tantrum 2013: {first: 2013-05-22, last: 2013-06-24, source: closes of TLT}}
      shocks: {Long bonds fall 10 %: {TLT: -0.10}}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from foundation.arguments import did_you_mean
from foundation.errors import ConfigError
from research.market import Market
from research.market.reading.tables import DATA
from research.portfolio.file.document import Document, read_document
from research.risk.stress.episodes import Episode
from research.risk.stress.shocks import LEAST_RETURN, MOST_RETURN, Shock

HOUSE = DATA / "stress.yaml"
KEYS = ("file", "episodes", "shocks")
EPISODE_KEYS = ("first", "last", "source")
MOST_NAME = 60  # characters of a name: it is the head of a table's row


@dataclass(frozen=True)
class Stress:
    """The stress tests of a portfolio.

    episodes : episodes in the order of their first days.
    shocks   : shocks in the order of the file.
    """

    episodes: tuple[Episode, ...] = ()
    shocks: tuple[Shock, ...] = ()


def read_stress(document: Document, market: Market) -> Stress:
    """The stress tests of a portfolio file: those of its `file`, or of the house, and then its own.

    One of its own replaces one of the same name.
    market : lines of the portfolio, with their classes.
    Raises : ConfigError for a key or value that is wrong, and for a shock of the portfolio's own that names neither a
             line nor a class that it has. Those of a file may: several portfolios share it.
    """
    given = document.has("stress")
    if given:
        document.check_keys(("stress",), KEYS)
    shared = _shared(document) if given and document.has("stress", "file") else read_document(HOUSE)
    shared.check_keys((), KEYS[1:])
    episodes, shocks = _episodes(shared, ()), _shocks(shared, ())
    if given:
        episodes |= _episodes(document, ("stress",))
        own = _shocks(document, ("stress",))
        _check_lines(document, own, market)
        shocks |= own
    return Stress(_in_order(episodes), tuple(shocks.values()))


def house_episodes() -> tuple[Episode, ...]:
    """The episodes of the house, in the order of their first days: those of a backtest without a portfolio file."""
    return _in_order(_episodes(read_document(HOUSE), ()))


def _in_order(episodes: Mapping[str, Episode]) -> tuple[Episode, ...]:
    return tuple(sorted(episodes.values(), key=lambda one: (one.first, one.last)))


def _shared(document: Document) -> Document:
    """The file that `stress` names, whose path is relative to the portfolio's own."""
    name = document.text("stress", "file")
    try:
        return read_document(Path(document.file).parent / name)
    except ConfigError as error:
        raise ConfigError(f"stress.file ({document.place(('stress', 'file'))}): {error}") from error


def _episodes(document: Document, path: tuple[str, ...]) -> dict[str, Episode]:
    """The episodes below a path, by name; none where it has no such key."""
    path = (*path, "episodes")
    found: dict[str, Episode] = {}
    for name in document.mapping(*path) if document.has(*path) else ():
        here = (*path, name)
        _check_name(document, here, name)
        document.mapping(*here)
        document.check_keys(here, EPISODE_KEYS)
        first, last = document.day(*here, "first"), document.day(*here, "last")
        if last < first:
            fix = f"Give a day that is not before {first:%Y-%m-%d}, its first."
            document.refuse((*here, "last"), "the episode ends before it begins", f"{last:%Y-%m-%d}", fix)
        source = document.text(*here, "source") if document.has(*here, "source") else ""
        found[name] = Episode(name, first, last, source)
    return found


def _shocks(document: Document, path: tuple[str, ...]) -> dict[str, Shock]:
    """The shocks below a path, by name; none where it has no such key."""
    path = (*path, "shocks")
    found: dict[str, Shock] = {}
    for name in document.mapping(*path) if document.has(*path) else ():
        here = (*path, name)
        _check_name(document, here, name)
        moves = {what: _move(document, (*here, what)) for what in document.mapping(*here)}
        found[name] = Shock(name, moves)
    return found


def _move(document: Document, path: tuple[str, ...]) -> float:
    """A simple return, fraction."""
    move = document.number(*path)
    if not LEAST_RETURN <= move <= MOST_RETURN:
        fix = f"Give a fraction from {LEAST_RETURN:g} to {MOST_RETURN:g}: a fall of 20 % is -0.20."
        document.refuse(path, "a return out of bounds", move, fix)
    return move


def _check_name(document: Document, path: tuple[str, ...], name: str) -> None:
    if not name.strip() or len(name) > MOST_NAME:
        fix = f"Give 1 to {MOST_NAME} characters: it is the head of a table's row."
        document.refuse(path, "no name of an episode or a shock", name, fix)


def _check_lines(document: Document, shocks: Mapping[str, Shock], market: Market) -> None:
    """Refuse a shock that moves names which the portfolio does not have."""
    for name, shock in shocks.items():
        for what in shock.unknown(market.assets, market.asset_class):
            known = (*market.assets, *dict.fromkeys(market.asset_class))
            document.refuse(
                ("stress", "shocks", name, what),
                "neither a line nor an asset class of the portfolio",
                what,
                did_you_mean(what, known),
            )
