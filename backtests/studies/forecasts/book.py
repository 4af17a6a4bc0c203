"""The forecast book: each forecast as it was made, so that what was shown on a day is what a walk-forward shows later.

Its folder holds a folder a model and market, and in it a file a forecast, written whole and never changed. A
forecast is known by its model with all settings, by name and assets of the market, since assets may be forecast from
one another, by its day and horizon, and by the fingerprint of the data up to that day. Made again,
it must say the same; a walk-forward over later data must, too, but for rounding, which is another on every processor
(`ROUNDED`), unless data were restated or the code was changed, and both are told. Beside the entries of a model stands
its card, the latest: what it is, on what it was measured, its skill and what its fits cost.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from backtests.inference.estimates import EstimateWithTest
from backtests.studies.forecasts.walk_forward import ForecastPath
from foundation.dataclasses import asdict, dataclass, replace
from foundation.errors import DataError
from foundation.files import ROOT, write_whole
from foundation.home import FORECAST_BOOK, folder_for, stated_folder
from foundation.paper.wording import percent
from research.allocation.kept_paths import settings_of
from research.forecast import Forecast
from research.forecast.predicted import predicted
from research.market import Market

FORM, CARD = "forecast, 2", "card.json"
ROUNDED = 1e-9  # of a forecast's deviation: what two processors, or one from other memory, differ by without a fit
RESTORE_FORECASTS = "Restore the file from a copy; or delete it, and the forecast is forgotten."


@dataclass(frozen=True)
class ForecastEntry:
    """A forecast as it was made.

    model   : settings of the forecast, JSON values.
    market  : its name, and all its assets by their names.
    date    : the last day that it saw, YYYY-MM-DD.
    horizon : rows of the market that it is about.
    data    : fingerprint of the market up to that day.
    lines   : the mean and the standard deviation of each asset's return over the horizon, fractions.
    notes   : further notes of the forecast.
    """

    model: Any
    market: tuple[str, ...]
    date: str
    horizon: int
    data: str
    lines: Mapping[str, tuple[float, float]]
    notes: tuple[str, ...] = ()

    def path(self, book: Path) -> Path:
        """The file in the folder of a book."""
        return _folder(book, self.model, self.market) / f"{self.date}-{self.horizon}-{self.data[:16]}.json"


def entry_of(forecast: Forecast, market: Market, horizon: int) -> ForecastEntry:
    """The forecast at the last close of a market, as an entry.

    forecast : forecast, asked on the whole market.
    market   : market that ends on the day of the forecast.
    horizon  : number of rows of the market that it is about.
    """
    past = market.past(len(market.dates) - 1)
    found = predicted(forecast, past).over(horizon)
    pairs = zip(found.mean.tolist(), found.volatility.tolist(), strict=True)
    return ForecastEntry(
        model_of(forecast),
        _named(market),
        f"{past.date:%Y-%m-%d}",
        int(horizon),
        market.fingerprint,
        dict(zip(found.assets, pairs, strict=True)),
        found.notes,
    )


def model_of(forecast: Forecast) -> Any:
    """The identity of a forecast, as JSON values: its class and settings, or its `repr`."""
    return settings_of(forecast) or [type(forecast).__name__, repr(forecast)]


def enter(book: Path, entry: ForecastEntry) -> bool:
    """Write a forecast into the book of a folder; False where the book has it, and says the same.

    Raises : DataError where the book has another forecast of the same model, day and data, or is damaged.
    """
    text, path = json.dumps(_content(entry), indent=1, sort_keys=True), entry.path(book)
    if path.exists():
        before = _read(path)
        lines = [
            name
            for name in {**before.lines, **entry.lines}
            if not _agree(before.lines.get(name), entry.lines.get(name))
        ]
        if lines or replace(before, lines=entry.lines) != entry:
            line = next(iter(lines), "another asset")
            raise DataError(
                f"{path} says otherwise of {line} than the same model on the same data now: "
                f"{before.lines.get(line)}, and now {entry.lines.get(line)}. Code, libraries or processor changed: "
                "move the folder of the model away to begin a new one."
            )
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text)
    return True


def entries(book: Path, model: Any, market: Market) -> list[ForecastEntry]:
    """The forecasts of a model for a market in a book, by day. Raises DataError for a file that is damaged."""
    return [_read(path) for path in sorted(_folder(book, model, _named(market)).glob("*-*.json"))]


def disagreements(path: ForecastPath, written: Sequence[ForecastEntry]) -> list[str]:
    """The differences of a walk-forward from the book, a sentence for each day and asset.

    path    : walk-forward of the same model, over data that may be later.
    written : entries of the book, about the same market.
    """
    row_of = {f"{date:%Y-%m-%d}": d for d, date in enumerate(path.dates)}
    found = []
    for entry in written:
        if entry.horizon != path.horizon or entry.date not in row_of:
            continue
        d = row_of[entry.date]
        now = dict(
            zip(path.market.assets, zip(path.mean[d].tolist(), path.deviation[d].tolist(), strict=True), strict=True)
        )
        restated = path.market.until(entry.date).fingerprint != entry.data
        why = "data up to that day were restated since" if restated else "code, libraries or processor changed since"
        found += [
            f"on {entry.date} the book expects {_told(mean, deviation)} of {line}, and the model now "
            f"{_told(*now[line])}: {why}."
            for line, (mean, deviation) in entry.lines.items()
            if line in now and not _agree(now[line], (mean, deviation))
        ]
    return found


def _agree(one: tuple[float, float] | None, other: tuple[float, float] | None) -> bool:
    """True if two forecasts of an asset are equal, but for rounding."""
    return one is not None and other is not None and bool(np.allclose(one, other, rtol=0.0, atol=ROUNDED * other[1]))


def write_card(
    book: Path, path: ForecastPath, forecast: Forecast, name: str, skill: Mapping[str, EstimateWithTest]
) -> Path:
    """Write the card of a forecast beside its entries: its settings, the data it was measured on, its skill and cost.

    book     : folder of the book.
    path     : walk-forward of the forecast.
    forecast : forecast with all settings, its seeds among them.
    name     : name by which a file calls it.
    skill    : skill by measure.
    """
    market = path.market
    told = {
        "name": name,
        "model": model_of(forecast),
        "horizon": path.horizon,
        "market": market.name,
        "data": market.fingerprint,
        "data_days": [f"{day:%Y-%m-%d}" for day in market.dates[[0, -1]]],
        "forecast_days": [f"{day:%Y-%m-%d}" for day in path.dates[[0, -1]]],
        "forecasts": len(path.rows),
        "processor_seconds": round(path.seconds, 3),
        "skill": {
            measure: {name: _plain(getattr(one, name)) for name in ("value", "lower", "upper", "p")}
            for measure, one in skill.items()
        },
    }
    file = _folder(book, model_of(forecast), _named(market)) / CARD
    file.parent.mkdir(parents=True, exist_ok=True)
    return write_whole(file, json.dumps(told, indent=1))


def _named(market: Market) -> tuple[str, ...]:
    """The name of a market, and its assets in one order."""
    return (market.name, *sorted(market.assets))


def _folder(book: Path, model: Any, market: tuple[str, ...]) -> Path:
    return book / _hash([model, market])


def _told(mean: float, deviation: float) -> str:
    return f"{percent(mean, 4)} ± {percent(deviation, 4)}"


def _plain(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None


def forecast_book_folder(file: str | Path) -> Path:
    """The folder of the book of a portfolio file: that of `REBALANCE_FORECASTS`, else as `folder_for` says.

    That of the workbench's own files is `data/forecasts`.
    """
    beside = folder_for("forecasts", file)
    return stated_folder(FORECAST_BOOK) or (ROOT / "data" / "forecasts" if beside.parent == ROOT else beside)


def _content(entry: ForecastEntry) -> dict[str, Any]:
    told = {"form": FORM, **asdict(entry)}
    return told | {"checksum": _hash(told)}


def _read(path: Path) -> ForecastEntry:
    try:
        told = json.loads(path.read_text())
        checksum = told.pop("checksum")
        if told["form"] != FORM or _hash(told) != checksum:
            raise ValueError("its checksum does not match")
        lines = {line: (float(mean), float(deviation)) for line, (mean, deviation) in told["lines"].items()}
        market, notes = tuple(told["market"]), tuple(told["notes"])
        return ForecastEntry(told["model"], market, told["date"], told["horizon"], told["data"], lines, notes)
    except KeyError as error:
        raise DataError(f"{path} is not a readable forecast: {error} is missing. {RESTORE_FORECASTS}") from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is not a readable forecast: {error}. {RESTORE_FORECASTS}") from error


def _hash(values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
