"""The learned policies that are at hand, a line each: their holdings, their training data, and their value."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from backtests.laboratory.learned.saved import CARD_RESULTS, checksums_of, loss_on_card
from backtests.runs.folder import listed_places, run_folders
from foundation.arguments import is_number, shown
from foundation.errors import DataError
from foundation.files import ROOT
from foundation.paper.text_tables import text_table
from foundation.paper.wording import listed, number, percent
from foundation.tolerances import TARGET_TOLERANCE
from research.learning.card_shape import SHAPES
from research.learning.checksummed import CARD
from research.learning.policy_folder import POLICY_FIX, read_card

SHIPPED_POLICIES = ROOT / "data" / "policies"
LEARNER_NAMES = {"ppo": "PPO", "gradient": "the gradient"}
NOTE = (
    "loss: J on simulated training paths; gap: J above the optimum if this is known and the card was written, "
    "else\nabove the closed-form bands on the same paths."
)
HEADS = ["policy", "learner", "holds", "saw", "seed", "loss", "gap", "to the"]
UNITS = ["", "", "", "", "", "bp/year", "%", ""]


def policy_folders(reports: Path | None = None, shipped: Path = SHIPPED_POLICIES) -> list[Path]:
    """Folders with a card: those that are shipped, then every seed of every run."""
    found = [path.parent for path in sorted(shipped.glob(f"**/{CARD}"))]
    runs = (run for place in ([reports] if reports else listed_places()) for run in run_folders(place))
    found += [path.parent for run in runs for path in sorted(run.glob(f"policies/**/seed-*/{CARD}"))]
    return found


def policies_text(folders: Iterable[Path]) -> str:
    """A table of policies, and below it the folders that hold none that can be read, with the reason."""
    rows, groups, broken = policy_rows(folders)
    if not rows and not broken:
        return "No learned policies: none comes with the workbench, and no report has trained one."
    blocks = [_grouped([[f"  {name}", *cells] for name, *cells in rows], groups), NOTE] if rows else []
    return "\n\n".join([*blocks, *broken])


def policy_rows(folders: Iterable[Path]) -> tuple[list[list[str]], list[Path], list[str]]:
    """A row a policy by `HEADS`, the folder of the seeds of each, and why others cannot be read."""
    rows, groups, broken = [], [], []
    for folder in folders:
        one_of_seeds = folder.name.startswith("seed-")
        group = folder.parent if one_of_seeds else folder
        try:
            rows.append([group.name, *_row(folder, _card(folder))])
            groups.append(group)
        except DataError as error:
            broken.append(" ".join(str(error).split()))
    return rows, groups, broken


def _grouped(rows: list[list[str]], groups: list[Path]) -> str:
    """A table with the folder of each group of rows above them: the argument of the command that writes their card."""
    heads, units, *lines = text_table([HEADS, UNITS, *rows], left=5, last_left=True).splitlines()
    shown = [heads, units]
    for k, line in enumerate(lines):
        if k == 0 or groups[k] != groups[k - 1]:
            shown.append(str(groups[k]))
        shown.append(line)
    return "\n".join(shown)


def holds_words(card: Mapping[str, Any]) -> str:
    """The holdings of a policy, its assets with their weights, in as few words as possible."""
    targets = card.get("targets")
    if not targets:
        return listed(card.get("assets", ("any assets",)), most=12)
    target = targets[-1]["target"]
    weights = [f"{asset} {percent(target[asset], 0)}" for asset in card["assets"] if asset in target]
    cash = 1.0 - sum(target.values())
    return listed([*weights, *([f"cash {percent(cash, 0)}"] if cash > TARGET_TOLERANCE else [])], most=12)


def learner_words(card: Mapping[str, Any]) -> str:
    """The name of its learner."""
    name = card.get("settings", {}).get("learner")
    return LEARNER_NAMES.get(name, name) if name else "–"


def saw_words(card: Mapping[str, Any]) -> str:
    """The days that it saw."""
    saw = card.get("saw", {})
    days = saw.get("first") and saw.get("last")
    return f"{saw['first']} to {saw['last']}" if days else str(saw.get("market", "–"))


def _card(folder: Path) -> dict[str, Any]:
    """The card of a policy of a format that is read here. Raises DataError for another one."""
    card = read_card(folder)
    if str(card.get("format")) not in SHAPES:
        known = " or ".join(map(repr, SHAPES))
        raise DataError(
            f"{folder} has a card of the format {shown(card.get('format'))}, expected {known}. {POLICY_FIX}"
        )
    return card


def _row(folder: Path, card: Mapping[str, Any]) -> list[str]:
    own, closed, known = loss_on_card(card), loss_on_card(card, "closed_form"), _gap(folder, card)
    for_j = card.get("settings", {}).get("reward", {}).get("objective", 1.0) > 0.0  # else J is not what it learned for
    gap = known if known is not None else (own / closed - 1.0 if own is not None and closed and for_j else None)
    to = "" if gap is None else "optimum" if known is not None else "closed form"
    lines = len(card.get("assets", ()))
    holds = f"{lines} assets" if lines > 2 else holds_words(card)
    words = [learner_words(card), holds, saw_words(card), str(card.get("seed", "–")), number(own)]
    return [*words, number(None if gap is None else 100.0 * gap, 1, signed=True), to]


def _gap(folder: Path, card: Mapping[str, Any]) -> float | None:
    """The gap to the optimum by an existing card: in the policy's own folder, or in that of all seeds."""
    import json

    for place in (folder, folder.parent):
        try:
            found = json.loads((place / CARD_RESULTS).read_text(encoding="utf-8"))
            if found["seals"] != checksums_of(place):  # measured of others, which were saved here before
                continue
            gap = found["optimum"]["seeds"][str(card.get("seed"))]["gap"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
        if is_number(gap):
            return float(gap)
    return None
