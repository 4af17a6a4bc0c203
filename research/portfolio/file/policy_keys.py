"""The policies of a portfolio file: the active one, the reference, and the settings that they may change."""

from collections.abc import Mapping, Sequence
from typing import Any

from foundation.arguments import did_you_mean
from foundation.names import same_names
from research.portfolio.file.document import Document
from research.rules import Calendar

MAY_CHANGE = "may_change"  # word of `target`: a recommendation may hold another one than the strategic


def policy_names(document: Document) -> tuple[str, ...]:
    """The names of the policies; a run has a folder for each that was trained."""
    names = document.names("policies")
    if (same := same_names(names)) is not None:
        what = f"some file systems take it for {same[0]!r}, so both would be written into one folder"
        document.refuse(("policies", same[1]), what, same[1], "Rename one of the two.")
    return names


def policy_in_force(document: Document, key: str, names: Sequence[str]) -> str | None:
    """The policy that a key names, or None without the key. Raises ConfigError for one that is not among the names."""
    policy: str | None = document.value(key, default=None)
    if policy is not None and policy not in names:
        document.refuse((key,), "not among the policies", policy, did_you_mean(policy, names))
    return policy


def usual_reference(policies: Mapping[str, Any]) -> str:
    """The first calendar, else the first policy."""
    return next((name for name, policy in policies.items() if isinstance(policy, Calendar)), next(iter(policies)))
