"""The check of a set of assets: findings of each and of the set, a score for each asset, and what they say."""

from collections.abc import Collection, Mapping
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from foundation.arguments import cut, refuse
from foundation.arrays import Array
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import DataError
from foundation.paper.text_tables import text_table, wrapped
from foundation.paper.wording import percent
from research.market.calendars import Days
from research.market.market import Market
from research.market.notes import EXTREME_MOVES, Day, Note, counted
from research.market.quality.bars import BARS_OF_A_SCALE, AssetBars, is_daily, local_scale, own_findings, still_findings
from research.market.quality.findings import FINDING_KINDS, LOOK, Finding, finding, quality_score, span, wrong_prices
from research.market.quality.moves import dividend_findings, move_findings
from research.market.quality.peers import log_growth, net_of_peers
from research.market.store import KnownBars

LATE_DAYS = 7  # by which a series may end before the last of all
SET, SPAN = 5, 5 * 365  # assets and days, from which a set without an exit is one of survivors
AGREEMENT = 1e-4  # relative: closes of two sources that differ by less are one close
ROUND_THE_CLOCK, COINS = "24/7", "crypto"  # calendar; asset class that trades by it
PANEL_NAMES = {"open": "bars", "volume": "volumes", "dividend": "dividends", "split": "splits"}
TEXT_FINDINGS = 40  # findings in the text for a terminal, those that cost most first


@dataclass(frozen=True, eq=False)
class Quality:
    """The result of a check.

    findings : all, by asset, those of the set last.
    known    : the rows that were checked.
    unchecked : what could not be checked, in sentences.
    """

    findings: tuple[Finding, ...]
    known: KnownBars = field(repr=False)
    unchecked: tuple[str, ...] = ()

    @cached_property
    def scores(self) -> dict[str, float]:
        """Points of each asset, from 0 to 100."""
        return {asset: quality_score(found) for asset, found in self._by_asset.items()}

    @cached_property
    def _by_asset(self) -> dict[str, list[Finding]]:
        found: dict[str, list[Finding]] = {asset: [] for asset in self.known.assets}
        for each in self.findings:
            if each.asset:
                found[each.asset].append(each)
        return found

    @property
    def must_be_looked_at(self) -> bool:
        """True if some asset has less than `LOOK` points: the exit status of a command is 1 then."""
        return min(self.scores.values()) < LOOK

    def table(self) -> pd.DataFrame:
        """By asset: score, number of bars, first and last day, closes equal to the one before, and what it lost for."""
        days, close = self.known.days.astype("datetime64[s]"), self.known.numbers["close"]
        first, last = self.known.bounds[:-1], self.known.bounds[1:] - 1
        equal = np.append(0, np.cumsum(close[1:] == close[:-1]))
        table = pd.DataFrame({"score": self.scores}).rename_axis("asset").assign(bars=1 + last - first)
        lost_for = [self._lost_for(asset) for asset in self.known.assets]
        return table.assign(first=days[first], last=days[last], still=equal[last] - equal[first], lost_for=lost_for)

    def findings_table(self) -> pd.DataFrame:
        """A row a finding: kind, asset, first, last, events, value, expected, points and sentence."""
        columns = ("kind", "asset", "first", "last", "events", "value", "expected", "points", "sentence")
        rows = [[getattr(each, name) for name in columns] for each in self.findings]
        return pd.DataFrame(rows, columns=list(columns))

    def around(self, asset: str, days: Days | None = None) -> pd.DataFrame:
        """The bars of an asset from two before each suspicious day to two after it, by session, those marked.

        asset : id.
        days  : of one finding, increasing; by default those of all its findings. A day without a bar has no row.
        """
        if days is None:
            found = [each.days for each in self._by_asset[asset]]
            days = np.unique(np.concatenate(found)) if found else self.known.days[:0]
        part = self.known.slices[self.known.assets.index(asset)]
        own = self.known.days[part]
        at = np.searchsorted(own, days)[:, None] + np.arange(-2, 3)
        shown = np.unique(at[(at >= 0) & (at < len(own))])
        table = pd.DataFrame({name: values[part][shown] for name, values in self.known.numbers.items()})
        table.index = pd.DatetimeIndex(own[shown].astype("datetime64[s]"), name="session")
        return table.assign(suspicious=np.isin(own[shown], days))

    def line(self) -> str:
        """One sentence for a sheet."""
        assets, count = len(self.known.assets), len(self.findings)
        text = f"{assets:,} {'asset' if assets == 1 else 'assets'}"
        if not count:
            return f"{text}, no findings."
        worst = min(self.scores, key=lambda asset: self.scores[asset])
        least = f", least score {worst} {self.scores[worst]:.0f} ({self._lost_for(worst)})"
        return f"{text}, {count:,} {'finding' if count == 1 else 'findings'}{least * (self.scores[worst] < 100.0)}."

    def text(self) -> str:
        """The scores, and the findings that cost most, for a terminal."""
        table = self.table().round({"score": 0}).astype({"score": int}).astype(str).reset_index()
        ordered = sorted(self.findings, key=lambda each: -each.points)
        more = len(ordered) - TEXT_FINDINGS
        parts = [
            f"Data: {self.line()}",
            text_table([list(table.columns), *table.to_numpy().tolist()], left=1, last_left=True),
            "\n".join(wrapped(each.sentence) for each in ordered[:TEXT_FINDINGS]),
            f"And {more:,} findings more." if more > 0 else "",
            "\n".join(map(wrapped, self.unchecked)),
            f"An asset below {LOOK:.0f} of 100 must be looked at." if self.must_be_looked_at else "",
        ]
        return "\n\n".join(filter(None, parts))

    def _lost_for(self, asset: str) -> str:
        kinds = dict.fromkeys(each.kind for each in self._by_asset[asset] if each.points)
        events = {kind: sum(each.events for each in self._by_asset[asset] if each.kind == kind) for kind in kinds}
        ordered = sorted(
            kinds, key=lambda kind: -min(FINDING_KINDS[kind].points * events[kind], FINDING_KINDS[kind].most)
        )
        return ", ".join(FINDING_KINDS[kind].counted(events[kind]) for kind in ordered)


def check(
    known: KnownBars,
    calendars: str | Mapping[str, str] = "XNYS",
    classes: Mapping[str, str] | None = None,
    delisted: Collection[str] = (),
) -> Quality:
    """Check rows of assets.

    known     : rows, as `PriceStore.read` or `known_of` gives them. What they have no column of is not checked.
    calendars : name of the exchange calendar of all assets, or of each.
    classes   : class of each asset, for its peers; all assets are peers where there is none.
    delisted  : assets that are known to have left the market.
    Raises    : ConfigError for an asset without a calendar, and for a day that one does not reach; DataError where
                there is no asset, or one without rows.
    """
    if not len(known.assets) or (np.diff(known.bounds) == 0).any():
        absent = known.assets[int(np.argmin(np.diff(known.bounds)))] if known.assets else "assets"
        raise DataError(f"no rows of {absent} to check. Fetch or import its prices first.")
    of_each = dict.fromkeys(known.assets, calendars) if isinstance(calendars, str) else calendars
    if without := [asset for asset in known.assets if asset not in of_each]:
        refuse("calendars is", calendars, f"name the exchange calendar of {cut(', '.join(without))}, such as XNYS.")
    classes = classes or {}
    found, known = _one_row_a_session(known)
    growth = log_growth(known)
    net = net_of_peers(known, growth, classes)
    for asset, part in zip(known.assets, known.slices, strict=True):
        numbers = {name: values[part] for name, values in known.numbers.items()}
        of_class, scale = classes.get(asset, ""), local_scale(net[part])
        bars = AssetBars(asset, of_each[asset], known.days[part], net[part], scale, numbers, of_class)
        found += [*own_findings(bars), *move_findings(bars), *dividend_findings(bars)]
    found += _of_the_set(known, of_each, classes, delisted)
    return Quality(tuple(found), known, _unchecked(known))


def suspicious(known: KnownBars) -> list[Finding]:
    """The findings of rows by their numbers alone, of which no calendar is known; rows as `check` takes them."""
    _, known = _one_row_a_session(known)
    net = net_of_peers(known, log_growth(known), {})
    found = list[Finding]()
    for asset, part in zip(known.assets, known.slices, strict=True):
        numbers = {name: values[part] for name, values in known.numbers.items()}
        bars = AssetBars(asset, "", known.days[part], net[part], local_scale(net[part]), numbers)
        found += [*still_findings(bars), *move_findings(bars)]
    return found


@lru_cache(maxsize=1)  # a report and its trade list ask of one market
def check_market(market: Market) -> Quality:
    """Check a market: `check` of its rows (`known_of`), with its calendar, asset classes and delistings."""
    classes = dict(zip(market.assets, market.asset_class, strict=True))
    delisted = market.instruments.index[market.instruments["delisted"].notna()]
    return check(known_of(market), market.calendar, classes, tuple(delisted))


def market_warnings(
    market: Market, first: Day | None = None, last: Day | None = None, file: str | None = "FILE"
) -> tuple[str, ...]:
    """The warnings of a market: those of its notes on some days, and of prices that look wrong on these.

    first, last : the days, both included; None where they have no beginning or no end.
    file        : path of the portfolio file that reads the market, whose check the warning names by the file's name:
                  the path as the notebook of a report has it leads nowhere from where the reader stands. None names no
                  check.
    """
    of_days = Note("", first=first, last=last)
    wrong = [each for each in check_market(market).findings if of_days.falls_in(each.first, each.last)]
    notes = [note for note in market.notes_in(first, last) if note.warning]
    covered = {each.asset for each in wrong if each.kind in ("split", "scale", "jump")}
    told = [str(note) for note in notes if not (EXTREME_MOVES in note and covered.issuperset(note.assets))]
    return (*told, *wrong_prices(wrong), *(_poor_prices(market, file) if file else ()))


def _poor_prices(market: Market, file: str) -> tuple[str, ...]:
    """A warning where assets of a market from a store have less than `LOOK` points."""
    if not market.origin:
        return ()
    poor = {asset: points for asset, points in check_market(market).scores.items() if points < LOOK}
    if not poor:
        return ()
    worst = ", ".join(f"{asset} {points:.0f}" for asset, points in sorted(poor.items(), key=lambda one: one[1])[:5])
    return (
        f"The prices of {counted(len(poor), 'asset')} must be looked at, the worst by points of 100: {worst}. "
        f"`rebalance data check {Path(file).name}` says why.",
    )


def known_of(market: Market) -> KnownBars:
    """The rows of a market on the days on which each asset trades; an asset that never does is left out.

    A close is the quote, and without one the total-return index, continued from the last quote. Growth is that of the
    market's returns. Volumes, bars, dividends and splits are there where the market has them for any asset.
    """
    kept = np.flatnonzero(market.tradable.any(axis=0))
    where = market.tradable[:, kept].T
    quotes = pd.DataFrame(market.prices).ffill().to_numpy()
    base = pd.DataFrame(np.where(np.isnan(market.prices), np.nan, market.index)).ffill().to_numpy()
    unquoted = np.where(np.isnan(quotes), market.index, quotes * market.index / base)
    panels = {
        "close": np.where(np.isnan(market.prices), unquoted, market.prices),
        "growth": 1.0 + market.returns,
        "volume": market.volumes,
        "dividend": market.dividends,
        "split": market.splits,
        **(market.bars or {}),
    }
    asset, row = np.nonzero(where)
    numbers = {name: values[:, kept].T[where] for name, values in panels.items() if values is not None}
    return KnownBars(tuple(market.assets[i] for i in kept), asset, market.days[row], numbers)


def differences(one: KnownBars, other: KnownBars, names: tuple[str, str]) -> tuple[Finding, ...]:
    """Closes of two sources that differ by more than `AGREEMENT`, a finding an asset; only days that both have count.

    one, other : rows of the two sources; their splits and dividends play no part.
    names      : of the two sources.
    """
    found = []
    for asset in (asset for asset in one.assets if asset in other.assets):
        (days, close), (other_days, other_close) = _closes(one, asset), _closes(other, asset)
        both, here, there = np.intersect1d(days, other_days, assume_unique=True, return_indices=True)
        ratio = close[here] / other_close[there] - 1.0
        apart = np.abs(ratio) > AGREEMENT
        if apart.any():
            worst = int(np.argmax(np.abs(ratio)))
            text = (
                f"{asset}: closes of {names[0]} and {names[1]} differ by more than {percent(AGREEMENT, 2)} on "
                f"{int(apart.sum()):,} of {len(both):,} days, {span(both[apart])}, most on {both[worst]}, by "
                f"{percent(ratio[worst], 2, signed=True)}."
            )
            found.append(finding("source", asset, both[apart], int(apart.sum()), text))
    return tuple(found)


def _closes(known: KnownBars, asset: str) -> tuple[Days, Array]:
    """Days and closes of an asset, the last of each session."""
    part = known.slices[known.assets.index(asset)]
    days = known.days[part]
    last = np.append(days[1:] != days[:-1], True)
    return days[last], known.numbers["close"][part][last]


def _one_row_a_session(known: KnownBars) -> tuple[list[Finding], KnownBars]:
    """Sessions with several rows, and the rows without them: the last of each session counts."""
    again = np.append((known.asset[1:] == known.asset[:-1]) & (known.days[1:] == known.days[:-1]), False)
    if not again.any():
        return [], known
    found = []
    for i in np.unique(known.asset[again]):
        days = np.unique(known.days[again & (known.asset == i)])
        text = f"{known.assets[i]} has several rows of one session on {len(days):,} days, {span(days)}."
        found.append(finding("duplicate", known.assets[i], days, len(days), text))
    numbers = {name: values[~again] for name, values in known.numbers.items()}
    return found, replace(known, asset=known.asset[~again], days=known.days[~again], numbers=numbers)


def _of_the_set(
    known: KnownBars, calendars: Mapping[str, str], classes: Mapping[str, str], delisted: Collection[str]
) -> list[Finding]:
    """Series that end before the others, closes of another hour than most, and a set in which nothing ever ended."""
    last, end = known.days[known.bounds[1:] - 1], known.days.max()
    late = np.timedelta64(LATE_DAYS, "D")
    found = []
    for asset, day in zip(known.assets, last, strict=True):
        if end - day > late and asset not in delisted:
            text = (
                f"{asset} ends on {day}, {(end - day).astype(int):,} days before the last of all, and no delisting is "
                "stated."
            )
            found.append(finding("end", asset, np.array([day]), (end - day).astype(int), text))
    hours = {asset: ROUND_THE_CLOCK if classes.get(asset) == COINS else calendars[asset] for asset in known.assets}
    usual = max(dict.fromkeys(hours.values()), key=list(hours.values()).count)
    for asset in (asset for asset in known.assets if hours[asset] != usual):
        text = f"{asset} trades by {hours[asset]}, most others by {usual}: closes of one date are hours apart."
        found.append(finding("hours", asset, known.days[known.bounds[known.assets.index(asset)] :][:1], 1, text))
    lived = int((end - known.days.min()).astype(int))
    if len(known.assets) >= SET and lived >= SPAN and not delisted and not any(each.kind == "end" for each in found):
        text = (
            f"All {len(known.assets):,} assets are alive at the end: those that left are missing, chosen by hindsight."
        )
        found.append(finding("survivors", "", np.array([end]), len(known.assets), text))
    return found


def _unchecked(known: KnownBars) -> tuple[str, ...]:
    """Sentences on the numbers that the rows lack."""
    absent = [name for name in ("open", "volume", "dividend", "split") if name not in known.numbers]
    parts = (
        [f"Not checked, since the rows have none: {', '.join(PANEL_NAMES[name] for name in absent)}."] if absent else []
    )
    rare = [asset for asset, part in zip(known.assets, known.slices, strict=True) if not is_daily(known.days[part])]
    if rare:
        parts.append(f"Gaps are not checked where rows are rarer than sessions: {cut(', '.join(rare))}.")
    few = [asset for asset, count in zip(known.assets, np.diff(known.bounds), strict=True) if count < BARS_OF_A_SCALE]
    if few:
        parts.append(f"Moves are not checked of fewer than {BARS_OF_A_SCALE} bars: {cut(', '.join(few))}.")
    return tuple(parts)
