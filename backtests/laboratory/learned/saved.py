"""The policies of a folder, and their results in backtests: `results.json` beside their cards.

A folder of policies has a folder `seed-<number>` for each seed, or is itself the folder of one policy.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from backtests.runs.folder import write_json
from foundation.arguments import cut, shown
from foundation.errors import DataError
from research.learning.card_shape import ABSENT, LEARNED_FORMAT, Count, Number, Shape, Text, check_shape
from research.learning.checksummed import CARD, checksum_of
from research.learning.policy_folder import POLICY_FIX, read_card

CARD_RESULTS, SHEET = "results.json", "card.html"
Seed = Annotated[str, Field(pattern=r"^[0-9]{1,10}$")]


class SavedPolicies(NamedTuple):
    """The policies of one folder.

    cards   : the model card of each seed.
    folders : the folder of each seed's policy.
    representative : the seed with the median J, which represents all seeds.
    results : results of backtests; empty without a test.
    """

    cards: Mapping[int, dict[str, Any]]
    folders: Mapping[int, Path]
    representative: int
    results: dict[str, Any]


def read_saved_policies(folder: Path) -> SavedPolicies:
    """The policies of a folder.

    Raises : DataError when there are none, when a checksum does not match, when they are of several trainings, or when
             the results belong to other policies.
    """
    own = _own(folder)
    if not own:
        raise DataError(
            f"no learned policy in {folder}: it has neither {CARD} nor folders seed-<number>. "
            "Train a policy and save it there."
        )
    cards = {path: read_card(path) for path in own}
    for path, card in cards.items():
        if card.get("format") != LEARNED_FORMAT:
            raise DataError(
                f"{path} has a card of the format {shown(card.get('format'))}, expected {LEARNED_FORMAT!r}. "
                f"{POLICY_FIX}"
            )
    by_seed = {card.get("seed", 0): path for path, card in cards.items()}
    same = ("saw", "settings", "objective")
    origins = {json.dumps([card.get(part) for part in same], sort_keys=True) for card in cards.values()}
    if len(by_seed) < len(cards) or len(origins) > 1:
        raise DataError(
            f"{folder} holds policies of more than one training, or a seed twice: {', '.join(p.name for p in own)}. "
            "Keep each training in a folder of its own."
        )
    found = {seed: cards[path] for seed, path in sorted(by_seed.items())}
    results = _read_results(folder)
    if results and results.get("seals") != checksums_of(folder):
        raise DataError(
            f"{folder / CARD_RESULTS} belongs to other policies than those in its folder. Delete "
            "it and run the report again."
        )
    one = results.get("stands", _representative(found))
    if one not in found:
        raise DataError(
            f"{folder / CARD_RESULTS}: stands is {one}, which is no seed of these policies. Delete it and run the "
            "report again."
        )
    return SavedPolicies(found, by_seed, one, results)


def write_results(folder: Path, results: Mapping[str, Any]) -> None:
    """Write the results beside the cards, with the checksums of the policies that they belong to.

    Raises : DataError as `checksums_of` does.
    """
    write_json(folder / CARD_RESULTS, {**results, "seals": checksums_of(folder)})


class _Test(Shape):
    market: Text
    fingerprint: Text
    first: Text
    last: Text
    days: Count


class _Figures(Shape):
    loss: Number
    loss_lower: Number
    loss_upper: Number | None  # None where the test holds too few episodes to know it
    cost: Number | None
    tracking_error: Number | None
    growth: Number | None
    sharpe: Number | None
    max_drawdown: Number | None
    turnover: Number | None
    trades: Number | None


class _Drift(Shape):
    feature: Text
    distance: Number
    limit: Number


class _Gap(Shape):
    loss: Number
    optimum: Number
    closed_form: Number
    gap: Number
    lower: Number
    upper: Number
    paths: Count


class _Optimum(Shape):
    unknown: Text = ABSENT
    seeds: dict[Seed, _Gap] = ABSENT


class _Results(Shape):
    """The values of `results.json` that are read."""

    stands: int = ABSENT
    test: _Test = ABSENT
    seeds: dict[Seed, _Figures] = ABSENT
    others: dict[Text, Number] = ABSENT
    drift: list[_Drift] = ABSENT
    warnings: list[Text] = ABSENT
    optimum: _Optimum = ABSENT


def _own(folder: Path) -> list[Path]:
    """The folders of the policies of one name: the folder itself, or those of its seeds."""
    return [folder] if (folder / CARD).exists() else sorted(folder.glob("seed-*"))


def checksums_of(folder: Path) -> dict[str, str]:
    """The checksum on each seed's card, by the name of the seed's folder.

    Raises : DataError where a card is missing or has none.
    """
    return {path.name if path != folder else "": checksum_of(path) for path in _own(folder)}


def loss_on_card(card: Mapping[str, Any], rule: str = "learned") -> float | None:
    """J of a rule on a card, in simulated paths of the last target, bp of NAV a year; None if not known."""
    targets = card.get("targets") or [{}]
    value = targets[-1].get("loss", {}).get(rule)
    return None if value is None else float(value)


def _representative(cards: Mapping[int, Mapping[str, Any]]) -> int:
    """The seed with the median J, as in `Training.chosen`."""
    order = sorted(cards, key=lambda seed: (loss_on_card(cards[seed]) or 0.0, seed))
    return order[(len(order) - 1) // 2]


def _read_results(folder: Path) -> dict[str, Any]:
    path = folder / CARD_RESULTS
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: {cut(str(error))}. Delete it and run the report again.") from error
    if not isinstance(found, dict):
        raise DataError(
            f"{path} is a {type(found).__name__}, expected a JSON object. Delete it and run the report again."
        )
    try:
        check_shape(_Results, found)
        if "test" in found and not (str(found["stands"]) in found["seeds"] and "others" in found):
            raise ValueError("seeds: the one that stands for all is missing")
    except KeyError as error:
        raise DataError(f"{path} lacks {error.args[0]}. Delete it and run the report again.") from error
    except ValueError as error:
        raise DataError(f"{path} holds no valid results: {error}. Delete it and run the report again.") from error
    return found
