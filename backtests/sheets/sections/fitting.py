"""The section of a sheet on how candidates were fitted: thresholds tuned, policies learned, and every seed."""

from collections.abc import Mapping

from backtests.comparison import Comparison
from backtests.evaluation.metrics import METRICS
from backtests.sheets.parts import Beside, Part, Words
from backtests.sheets.pictures.comparison.learning import (
    candidate_learning_picture,
    candidate_seeds_picture,
    tuning_picture,
)
from backtests.sheets.tables import Block, Looks, by_name, page_styles, records_table
from foundation.paper.picture import Picture
from foundation.paper.styles import LineStyle

SEED_COLUMNS = (
    METRICS["loss_training"],
    METRICS["loss"].labelled("loss, out of sample"),
    *(METRICS[key] for key in ("cost", "tracking_error", "growth", "sharpe", "turnover")),
)
CARDS = "Each learned policy has its model card in this run's folder: policies/<name>/card.html."


def fitting_parts(comparison: Comparison) -> list[Part]:
    """The search that found each fitted candidate; nothing where none was fitted."""
    drawn = _pictures(comparison, page_styles(comparison))
    notes = [Words(f"{name}: {note}") for name, fitted in comparison.fitted.items() for note in fitted.notes]
    if not (drawn or notes):
        return []
    before = comparison.backtests[comparison.reference].dates[0]
    seeds = _seed_tables(comparison)
    return [
        Words(f"Fitted only on days before the test, up to {before:%Y-%m-%d}.", "intro"),
        *notes,
        *([Beside(drawn)] if drawn else []),
        *([Words(CARDS)] if seeds else []),
        *seeds,
    ]


def _pictures(comparison: Comparison, styles: Mapping[str, LineStyle]) -> list[Picture]:
    by_seed, scores = comparison.seeds(), comparison.scores
    tuned = {name: f.tuned for name, f in comparison.fitted.items() if f.tuned is not None}
    learned = {name: f.training for name, f in comparison.fitted.items() if f.training is not None}
    marks = {name: scores[name]["loss"] for name in (comparison.reference, *tuned)}
    found: list[Picture | None] = []
    for k, (name, training) in enumerate(learned.items(), start=1):
        own = by_seed[by_seed["policy"] == name]
        found.append(candidate_seeds_picture(name, f"seeds_{k}", own, training, marks, styles))
        found.append(candidate_learning_picture(name, f"learning_{k}", training, styles[name]))
    found += [tuning_picture(name, f"tuning_{k}", card) for k, (name, card) in enumerate(tuned.items(), start=1)]
    return [picture for picture in found if picture is not None]


def _seed_tables(comparison: Comparison) -> list[Block]:
    tables, by_seed = [], comparison.seeds()
    for name in comparison.seed_scores:
        own = by_seed[by_seed["policy"] == name]
        stands = str(own.loc[own["stands"], "seed"].iloc[0])
        caption = f"{name}: every seed, out of sample; seed {stands} is the selected (median) seed"
        tables.append(
            records_table(caption, SEED_COLUMNS, by_name(own, "seed"), Looks(chosen=stands), head="seed", terms=True)
        )
    return tables
