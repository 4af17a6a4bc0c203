"""Cards with values of other types, validly sealed: each is loaded or refused in a sentence, never else."""

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from learned import carded, two_lines

from backtests.laboratory.learned.saved import read_saved_policies
from backtests.sheets.pages.policy_catalog import policies_text
from foundation.errors import DataError
from foundation.printable import has_unseen
from research.learning import LearnedPolicy
from research.learning.checksummed import read_checksummed, write_checksummed
from research.learning.policy_folder import read_card

NASTY: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 10**400, 1e300, -1e-320, "", "text", "../x", "\x1b[31m", "\ud800", "2020-01-01",
    "9999-12-31", [], [[]], [None], ["A", "A"], {}, {"A": None}, {"a": {"b": []}},
)  # fmt: skip


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return carded(two_lines(600, seed=3)).save(tmp_path_factory.mktemp("policies") / "seed-0")


def sealed(saved: Path, card: dict[str, Any], folder: Path) -> Path:
    return write_checksummed(folder, card, read_checksummed(saved, "")[1])


def places(found: Any) -> Iterator[tuple[Any, Any]]:
    """Each container below, with each of its keys or indices."""
    for key, value in list(found.items() if isinstance(found, dict) else enumerate(found)):
        yield found, key
        if isinstance(value, dict | list):
            yield from places(value)


def test_an_asset_that_is_named_twice_is_refused(saved: Path, tmp_path: Path) -> None:
    card = read_card(saved)
    with pytest.raises(DataError, match=r"holds no valid policy: assets: 'A' is named twice\. Restore the folder"):
        LearnedPolicy.load(sealed(saved, card | {"assets": ["A", "A"]}, tmp_path / "twice"))


def test_values_of_other_types_are_refused_in_a_sentence(saved: Path, tmp_path: Path) -> None:
    rng, good, refused = random.Random(1), read_card(saved), 0
    top = list(places(good))
    for k in range(300):
        card = deepcopy(good)
        part = {key: card[key] for key in (rng.choice(list(card)),)} if rng.random() < 0.5 else card
        into, key = rng.choice(list(places(part)))
        if into is part:
            into = card
        if rng.random() < 0.15:
            del into[key]
        else:
            into[key] = deepcopy(rng.choice(NASTY))
        folder = tmp_path / f"{k}" / "seed-0"
        try:
            sealed(saved, card, folder)
        except ValueError:  # no JSON has it
            continue
        refused += all_read(folder)
    assert refused > 150
    assert len(top) > 100


def all_read(folder: Path) -> bool:
    """Whether the readers of a policy refuse it; each does in a sentence, or reads it."""
    refused = False
    for read in (LearnedPolicy.load, read_card, lambda path: read_saved_policies(path.parent)):
        try:
            repr(read(folder))
        except DataError as error:
            refused, text = True, str(error)
            whole = text.isprintable() and len(text) < 1_000 and str(folder) in text
            whole or pytest.fail(f"no sentence: {text!r}")
    listed = policies_text([folder])
    assert not any(has_unseen(line) for line in listed.split("\n"))
    return refused


def test_one_broken_folder_leaves_the_others_listed(saved: Path, tmp_path: Path) -> None:
    broken = sealed(saved, read_card(saved) | {"targets": [{"target": "none"}]}, tmp_path / "broken" / "seed-0")
    other = sealed(saved, read_card(saved) | {"format": "learned rebalancing policy, 2"}, tmp_path / "old" / "seed-0")
    *shown, one, two = policies_text([broken, saved, other]).split("\n\n")
    assert str(saved.parent) in "\n".join(shown)
    assert f"{broken} holds no valid policy: targets.0.share_of_worlds: Field required" in one
    assert "\n" not in one
    assert f"{other} has a card of the format 'learned rebalancing policy, 2'" in two


@pytest.mark.parametrize(("results", "said"), [
    ('{"stands": "0"}', "holds no valid results: stands: "),
    ('{"stands": 5, "seals": SEALS}', "stands is 5, which is no seed"),
    ('{"test": {"market": 1}}', "holds no valid results: test.market: "),
    ('{"drift": [{"feature": "age"}]}', "holds no valid results: drift.0.distance: Field required"),
    ('{"optimum": {"seeds": {"0": {"gap": NaN}}}}', "holds no valid results: optimum.seeds.0.loss: "),
    ("[" * 100_000, "is not JSON"),
])  # fmt: skip
def test_results_with_values_of_other_types_are_refused(saved: Path, tmp_path: Path, results: str, said: str) -> None:
    seal = json.loads((sealed(saved, read_card(saved), tmp_path / "seed-0") / "card.json").read_text())["seal"]
    (tmp_path / "results.json").write_text(results.replace("SEALS", json.dumps({"seed-0": seal})))
    with pytest.raises(DataError) as caught:
        read_saved_policies(tmp_path)
    assert said in str(caught.value)
    assert str(caught.value).isprintable()
