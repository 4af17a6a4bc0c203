"""Stress tests of a portfolio file: named episodes and hypothetical shocks, the house's own or those of the desk.

The house's stand in `data/stress.yaml`. A portfolio file may name another file, and add its own:

    stress:
      file: our_stress.yaml
      episodes: {Taper tantrum 2013: {first: 2013-05-22, last: 2013-06-24, source: closes of TLT}}
      shocks: {Long bonds fall 10 %: {TLT: -0.10}}
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from foundation.arguments import did_you_mean
from foundation.dataclasses import dataclass, field
from foundation.errors import ConfigError
from foundation.files import DATA
from research.market import Market
from research.portfolio.file.document import Document, read_document
from research.portfolio.file.faults import Faults
from research.portfolio.file.kinds import Day, Text, Told, checked_by, record
from research.portfolio.file.settings import names_of, read
from research.portfolio.file.strict_yaml import dotted
from research.risk.stress.episodes import Episode
from research.risk.stress.shocks import LEAST_RETURN, MOST_RETURN, Shock

HOUSE_FILE = DATA / "stress.yaml"
MOST_NAME = 60  # characters of a name: it is the head of a table's row
Return = Annotated[float, Field(ge=LEAST_RETURN, le=MOST_RETURN, description="A fraction: a fall of 20 % is -0.20.")]
Moves = Annotated[Mapping[str, Return], Field(min_length=1)]
Head = Annotated[
    str,
    checked_by(
        lambda name: "" if name.strip() and len(name) <= MOST_NAME else "no name of an episode or a shock",
        f"Give 1 to {MOST_NAME} characters: it is the head of a table's row.",
    ),
]


@record
class EpisodeKeys:
    """Days of market stress, as `Episode` has them."""

    first: Day
    last: Day
    source: Text = ""

    def __post_init__(self) -> None:
        """Refuse an episode that ends before it begins."""
        if self.last < self.first:
            fix = f"Give a day that is not before {self.first:%Y-%m-%d}, its first."
            raise Told("the episode ends before it begins", fix, "last")


@record
class SharedStressKeys:
    """Episodes and shocks by name: those of a file that several portfolios share."""

    episodes: Annotated[Mapping[Head, EpisodeKeys], Field(min_length=1)] = field(default_factory=dict)
    shocks: Annotated[Mapping[Head, Moves], Field(min_length=1)] = field(default_factory=dict)

    def named_episodes(self) -> dict[str, Episode]:
        """The episodes by name."""
        return {name: Episode(name, one.first, one.last, one.source) for name, one in self.episodes.items()}

    def named_shocks(self) -> dict[str, Shock]:
        """The shocks by name."""
        return {name: Shock(name, moves) for name, moves in self.shocks.items()}


@record
class StressKeys(SharedStressKeys):
    """A portfolio's own episodes and shocks, and the file that it shares with others, in place of the house's."""

    file: Text | None = None


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
    market : assets of the portfolio, with their classes.
    Raises : ConfigError for a key or value that is wrong, and for a shock of the portfolio's own that names neither an
             asset nor a class that it has. Those of a file may: several portfolios share it.
    """
    keys = read(document, ("stress",), StressKeys)
    shared = _shared(document, keys.file)
    own = keys.named_shocks()
    _check_lines(document, own, market)
    return Stress(
        _in_order(shared.named_episodes() | keys.named_episodes()), tuple((shared.named_shocks() | own).values())
    )


def house_episodes() -> tuple[Episode, ...]:
    """The episodes of the house, in the order of their first days: those of a backtest without a portfolio file."""
    return _in_order(read(read_document(HOUSE_FILE), (), SharedStressKeys).named_episodes())


def _in_order(episodes: Mapping[str, Episode]) -> tuple[Episode, ...]:
    return tuple(sorted(episodes.values(), key=lambda one: (one.first, one.last)))


def _shared(document: Document, file: str | None) -> SharedStressKeys:
    """The episodes and shocks of the house, or of the file that `stress` names, from the folder of the portfolio's."""
    if file is None:
        return read(read_document(HOUSE_FILE), (), SharedStressKeys)
    where = document.folder / file
    try:
        return read(read_document(where, known=names_of(SharedStressKeys)), (), SharedStressKeys)
    except ConfigError as error:
        path = ("stress", "file")
        raise document.mistake(path, f"{dotted(path)} ({document.place(path)}): {error}") from error


def _check_lines(document: Document, shocks: Mapping[str, Shock], market: Market) -> None:
    """Refuse shocks that move names which the portfolio does not have, all of them at once."""
    faults, fault = Faults(), "neither an asset nor an asset class of the portfolio"
    for name, shock in shocks.items():
        for what in shock.unknown(market.assets, market.asset_class):
            with faults:
                known = (*market.assets, *dict.fromkeys(market.asset_class))
                document.refuse(("stress", "shocks", name, what), fault, what, did_you_mean(what, known), what)
    faults.end()
