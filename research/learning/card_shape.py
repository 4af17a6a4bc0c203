"""The shape of a model card: its keys and the types of their values, checked once when a card is read.

A checksum proves that a card was not changed by accident. It does not prove that this workbench wrote the card.
"""

import re
from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from foundation.arguments import LARGEST_NUMBER, first_fault, shown
from foundation.names import name_fault
from foundation.printable import has_unseen
from research.rules.networks.names import SHARED_FEATURES, Action, NetworkSchedule

LEARNED_FORMAT, UNIVERSAL_FORMAT = "learned rebalancing policy, 3", "universal rebalancer, 1"  # formats
CARD_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
QUANTILE = 0.95  # the largest that a page shows of a feature


def _plain(text: str) -> str:
    if has_unseen(text):
        raise ValueError("text has characters that are not printed")
    return text


def _date(text: str) -> str:
    if not CARD_DAY.fullmatch(text):
        raise ValueError("no date as YYYY-MM-DD")
    date.fromisoformat(text)  # raises ValueError where there is no such day
    return text


def _name(text: str) -> str:
    if fault := name_fault(text):
        raise ValueError(f"it {fault}")
    return text


Number = Annotated[float, Field(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER, allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0.0)]
Count = Annotated[int, Field(ge=0, le=int(LARGEST_NUMBER))]
Text = Annotated[str, AfterValidator(_plain), Field(max_length=10_000)]
Name = Annotated[str, AfterValidator(_name)]
Date = Annotated[Text, AfterValidator(_date)]
Numbers = dict[Name, Number]
Range = Annotated[list[Number], Field(min_length=1)]
ABSENT: Any = None  # the default of a key that may be left out; where it is written, it has a value


class Shape(BaseModel):
    """A mapping with these keys, and any others: their values are of the types that are declared, and of no other."""

    model_config = ConfigDict(strict=True, extra="allow", defer_build=True)  # built when a card is read


class _Saw(Shape):
    market: Text = ABSENT
    fingerprint: Text = ABSENT
    first: Date | None = ABSENT
    last: Date | None = ABSENT


class _Objective(Shape):
    tracking_penalty: Positive
    periods_per_year: Positive
    lag: Count
    costs_bps: dict[Name, dict[Text, Number]]
    costs: dict[Text, Any] = ABSENT
    proportional: bool = ABSENT


class _Reward(Shape):
    objective: Number = ABSENT


class _Variation(Shape):
    cost: Number = ABSENT


class _Settings(Shape):
    learner: Text = ABSENT
    reward: _Reward = ABSENT
    variation: _Variation = ABSENT


class _Feature(Shape):
    name: Text
    values: Range = ABSENT
    shares: Range = ABSENT
    farthest: list[Number] = ABSENT
    importance: Number = ABSENT
    importance_error: Number = ABSENT


class _Observed(Shape):
    lengths: list[Count] = ABSENT
    importance_worlds: Count = ABSENT


class _Target(Shape):
    share_of_worlds: Number
    first_day: Date
    days: Count
    target: Numbers
    half_width: Numbers
    variance: dict[Name, Annotated[Number, Field(ge=0.0)]]
    mean: Numbers = ABSENT
    loss: dict[Text, Number] = ABSENT


class _Point(Shape):
    steps: Count
    loss: Number


class _Learned(Shape):
    format: Text
    allocation: dict[Text, Any]
    schedule: NetworkSchedule
    action: Action
    assets: Annotated[list[Name], Field(min_length=1)]
    seen: Date
    seed: Count = ABSENT
    steps: Count = ABSENT
    saw: _Saw = ABSENT
    objective: _Objective = ABSENT
    settings: _Settings = ABSENT
    features: list[_Feature] = ABSENT
    observed: _Observed = ABSENT
    targets: Annotated[list[_Target], Field(min_length=1)] = ABSENT
    curve: list[_Point] = ABSENT
    versions: dict[Text, Text] = ABSENT


class _Markets(Shape):
    lines: Annotated[list[Count], Field(min_length=1)]
    drift_between_decisions_over_half_width: Range
    half_width_over_target: Range


class _UniversalSettings(Shape, extra="forbid"):
    hidden: Annotated[int, Field(ge=1, le=10_000)]
    markets: _Markets
    decisions_of_a_world: list[Count]
    learning_rate: Number
    features: list[Text]


class _Update(Shape):
    updates: Count
    loss: Number


class _UniversalSaw(Shape, extra="forbid"):
    markets: Text
    last: Date | None


class _Universal(Shape, extra="forbid"):
    """It has no assets and no targets, which readers would take for those of a policy."""

    format: Text
    action: Text
    settings: _UniversalSettings
    seed: Count
    updates: Count
    saw: _UniversalSaw
    curve: Annotated[list[_Update], Field(min_length=1)]
    versions: dict[Text, Text]


SHAPES: dict[str, type[Shape]] = {LEARNED_FORMAT: _Learned, UNIVERSAL_FORMAT: _Universal}


def check_card(card: Mapping[str, Any]) -> None:
    """Check the values of a card of a known format; of another format, nothing is known.

    Raises : ValueError naming key and value, for values of other types, an asset named twice, and lists and mappings
             that do not fit each other.
    """
    shape = SHAPES.get(str(card.get("format")))
    if shape is None:
        return
    check_shape(shape, card)
    if card["format"] == LEARNED_FORMAT:
        _check_saw(card)
        _check_assets(card)
        _check_features(card)


def check_shape(shape: type[Shape], found: Any) -> None:
    """Check JSON values against a shape. Raises ValueError naming the first key that is wrong, and its value."""
    try:
        shape.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        value = "" if first["type"] == "missing" else f": found {shown(first['input'])}"
        raise ValueError(f"{first_fault(error)}{value}") from None


def _check_saw(card: Mapping[str, Any]) -> None:
    """Raise ValueError where the days of a training are known in part."""
    saw = card.get("saw", {})
    missing = [key for key in ("market", "fingerprint", "first", "last") if not saw.get(key)]
    if missing and ("targets" in card or "last" not in missing):
        raise ValueError(f"saw: it lacks {', '.join(missing)}")


def _check_assets(card: Mapping[str, Any]) -> None:
    """Raise ValueError for an asset that is named twice, and for mappings of other assets than the card's."""
    assets = card["assets"]
    twice = next((name for k, name in enumerate(assets) if name in assets[:k]), None)
    if twice is not None:
        raise ValueError(f"assets: {twice!r} is named twice")
    for k, target in enumerate(card.get("targets", ())):
        for key in ("target", "half_width", "variance", "mean"):
            known = set(assets) if key == "target" else set(target["target"])
            if key in target and not (known >= set(target[key]) if key == "target" else known == set(target[key])):
                raise ValueError(f"targets.{k}.{key}: it is of other assets: found {shown(sorted(target[key]))}")
    costs = card.get("objective", {}).get("costs_bps")
    if costs is not None and (
        set(costs) != set(assets) or not all({"commission", "half_spread"} <= set(c) for c in costs.values())
    ):
        raise ValueError(
            f"objective.costs_bps: it needs a commission and a half_spread of each asset: found {shown(costs)}"
        )


def _check_features(card: Mapping[str, Any]) -> None:
    """Raise ValueError for features that are not those of the assets, and for distributions that are none."""
    features, lengths = card.get("features", []), card.get("observed", {}).get("lengths", [])
    if features and len(features) != len(SHARED_FEATURES) + len(card["assets"]):
        raise ValueError(f"features: there are {len(features)}, expected {len(SHARED_FEATURES) + len(card['assets'])}")
    if any(later >= one for one, later in pairwise(lengths)):
        raise ValueError(f"observed.lengths: they do not fall: found {shown(lengths)}")
    for k, feature in enumerate(features):
        values, shares = feature.get("values", []), feature.get("shares", [])
        if len(values) != len(shares) or (shares and (sorted(shares) != shares or shares[-1] < QUANTILE)):
            raise ValueError(f"features.{k}.shares: they are not shares of its values: found {shown(shares)}")
        if lengths and not (values and len(feature.get("farthest", [])) == len(lengths)):
            raise ValueError(f"features.{k}.farthest: it has no value for each of observed.lengths")
        if "importance" in feature and "importance_error" not in feature:
            raise ValueError(f"features.{k}: it has an importance without its error")
