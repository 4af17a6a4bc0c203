"""A learned policy on disk: whole, the same to the bit, and no code."""

import json
import pickletools
from dataclasses import dataclass, replace

import numpy as np
import pytest
from cases import cases
from learned import untrained

from foundation.errors import ConfigError, DataError
from research.allocation import EqualWeights
from research.learning import LearnedPolicy
from research.learning.checksummed import CARD, arrays_file
from research.learning.policy_folder import read_card


@pytest.fixture
def policy(spec, days, standard):
    return untrained(spec.allocation, days, standard)


@pytest.fixture
def saved(policy, tmp_path):
    return policy.save(tmp_path / "policies" / "seed-0")


def test_what_is_loaded_is_what_was_saved_to_the_bit(policy, saved):
    loaded = LearnedPolicy.load(saved)
    for part in ("net", "standard", "scales"):
        for mine, theirs in zip(getattr(policy, part), getattr(loaded, part), strict=True):
            np.testing.assert_array_equal(mine, theirs)
            assert np.asarray(mine).dtype == np.asarray(theirs).dtype
    for name in ("allocation", "schedule", "assets", "seen"):
        assert getattr(loaded, name) == getattr(policy, name)
    assert repr(loaded) == repr(policy)
    assert loaded.card["seed"] == 0


def test_saving_again_gives_the_same_bytes(policy, saved, tmp_path):
    again = LearnedPolicy.load(saved).save(tmp_path / "again")
    one, two = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in (saved, again))
    assert one == two
    assert sorted(one) == [CARD, arrays_file(saved).name]


def test_equal_weights_can_be_kept_too(policy, tmp_path):
    equal = replace(policy, allocation=EqualWeights(unlisted="cash")).save(tmp_path)
    assert LearnedPolicy.load(equal).allocation == EqualWeights(unlisted="cash")


def test_an_allocation_of_unknown_code_cannot_be_kept(policy, tmp_path):
    @dataclass(frozen=True)
    class Own:
        schedule = "listing"

    with pytest.raises(ConfigError, match=r"FixedWeights, EqualWeights.*Own\(\).*whose code"):
        replace(policy, allocation=Own()).save(tmp_path)


def test_the_files_hold_no_pickle(saved):
    assert sorted(path.name for path in saved.iterdir()) == [CARD, arrays_file(saved).name]
    with pytest.raises(ValueError, match=r"."):
        list(pickletools.genops(arrays_file(saved).read_bytes()))


def test_a_missing_file_is_named(saved, tmp_path):
    with pytest.raises(DataError, match=r"card\.json cannot be read"):
        LearnedPolicy.load(tmp_path / "nowhere")
    arrays_file(saved).unlink()
    with pytest.raises(DataError, match=r"policy-\w{8}\.safetensors cannot be read"):
        LearnedPolicy.load(saved)


@pytest.mark.parametrize("spoil", ["flip", "cut", "empty"])
def test_numbers_that_were_changed_are_refused(saved, spoil):
    path = arrays_file(saved)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes({"flip": bytes(content), "cut": bytes(content[:-40]), "empty": b""}[spoil])
    with pytest.raises(DataError, match="was changed after it was saved"):
        LearnedPolicy.load(saved)


def changed(saved, **values):
    (saved / CARD).write_text(json.dumps(json.loads((saved / CARD).read_text()) | values))


def test_a_card_that_was_changed_is_refused(saved):
    changed(saved, seen="2010-01-01")
    with pytest.raises(DataError, match="was changed after it was saved"):
        LearnedPolicy.load(saved)


def test_the_files_of_two_policies_cannot_be_mixed(saved, spec, days, standard, tmp_path):
    other = untrained(spec.allocation, days, standard, seed=1).save(tmp_path / "other")
    arrays_file(saved).write_bytes(arrays_file(other).read_bytes())
    with pytest.raises(DataError, match="was changed after it was saved"):
        LearnedPolicy.load(saved)


def test_another_format_is_refused(saved):
    changed(saved, format="learned rebalancing policy, 99")
    with pytest.raises(DataError, match="format 'learned rebalancing policy, 99', expected"):
        LearnedPolicy.load(saved)


def test_a_card_is_read_without_its_policy_and_only_whole(saved, policy):
    assert read_card(saved) == LearnedPolicy.load(saved).card
    changed(saved, seen="2010-01-01")
    with pytest.raises(DataError, match="was changed after it was saved"):
        read_card(saved)


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '"card"'])
def test_what_is_no_card_is_refused(saved, text):
    (saved / CARD).write_text(text)
    with pytest.raises(DataError, match=r"is not JSON|expected a JSON object"):
        LearnedPolicy.load(saved)


@cases(
    "change",
    {"assets": ("SPY", "AGG")},
    {"schedule": "fortnight"},
    {"card": {"seed": 0, "note": "no network of these assets"}, "assets": tuple("ABCDEFGHI")},
)
def test_numbers_of_another_shape_are_refused_though_sealed(policy, tmp_path, change):
    folder = replace(policy, **change).save(tmp_path)
    with pytest.raises(DataError, match="holds no valid policy"):
        LearnedPolicy.load(folder)


def test_numbers_that_are_not_finite_are_refused(policy, tmp_path):
    broken = np.array(policy.net.bias_2)
    broken[0] = np.nan
    folder = replace(policy, net=policy.net._replace(bias_2=broken)).save(tmp_path)
    with pytest.raises(DataError, match=r"expected .* finite numbers"):
        LearnedPolicy.load(folder)


def test_what_else_lies_in_the_folder_stays(saved):
    (saved / "notes.txt").write_text("mine")
    LearnedPolicy.load(saved).save(saved)
    assert (saved / "notes.txt").read_text() == "mine"
    assert sorted(path.name for path in saved.iterdir()) == [CARD, "notes.txt", arrays_file(saved).name]
