"""A profile written into the text of a portfolio file: tracking penalty, limits and ranges; all else stays as it is."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from desk.commands.portfolio_file.new_settings import PROFILES, range_of
from desk.commands.portfolio_file.yaml_text import with_values
from foundation.arguments import is_number
from foundation.dataclasses import dataclass
from research.portfolio.file.document import Document
from research.portfolio.file.strict_yaml import KeyPath


@dataclass(frozen=True)
class KeyChange:
    """A key that a profile sets. before : its value, a range as a list; None where the file does not state it."""

    key: KeyPath
    before: Any
    after: Any


def changes_by(profile: str, tree: Mapping[str, Any]) -> tuple[KeyChange, ...]:
    """The keys to which a profile gives another value than a portfolio file has.

    A range is set for each asset that states one with a target above zero: half the target, at most the width of the
    profile, to either side, as `rebalance new` does. Policies stay, with bands that they state themselves.

    tree : mapping of the file, which its reader has taken.
    """
    settings = PROFILES[profile]
    wanted: dict[KeyPath, Any] = {
        ("tracking_penalty",): settings.penalty,
        ("limits", "tracking_error"): settings.tracking_error,
        ("limits", "max_drawdown"): settings.max_drawdown,
    }
    for asset, line in tree.get("lines", {}).items():
        if line.get("range") and is_number(target := line.get("target")) and target > 0.0:
            ends = range_of(Decimal(str(target)), settings.width)
            wanted["lines", asset, "range"] = [float(end) for end in ends]
    file = Document("", {**tree}, {})
    found = {key: file.value(*key, default=None) for key in wanted}
    return tuple(KeyChange(key, found[key], after) for key, after in wanted.items() if found[key] != after)


def with_profile(text: str, tree: Mapping[str, Any], profile: str) -> str:
    """The text of a portfolio file with the keys of a profile; comments, order and spaces stay as they are.

    Its tracking penalty is then chosen, and no longer marked as assumed.
    """
    nested: dict[str, Any] = {}
    for change in changes_by(profile, tree):
        into = nested
        for key in change.key[:-1]:
            into = into.setdefault(key, {})
        into[change.key[-1]] = change.after
    if "tracking_penalty" in (marked := tree.get("assumed", ())):
        nested["assumed"] = [name for name in marked if name != "tracking_penalty"]
    return with_values(text, nested)
