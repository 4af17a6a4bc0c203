"""Every learner: the same seed gives the same bits, a killed training is gone on with, and a signal is found."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache, partial
from shutil import copytree

import numpy as np
import pytest
from cases import cases
from learned import COSTS, PENALTY, TARGET, YEAR, two_lines

from foundation.errors import ConfigError, DataError
from foundation.threads import one_thread
from research.learning import CrossEntropySettings, DQNSettings, GradientSettings, PPOSettings, SACSettings, train
from research.learning.learners.learning_curve import WORLDS, Checkpoint
from research.learning.learners.settings import LEARNERS
from research.learning.settings import Learned
from research.learning.training import SCALAR
from research.learning.worlds.rollouts import VALIDATION, action_function, evaluate
from research.learning.worlds.training_days import training_days
from research.rules.networks.policy_network import Network

QUICK = Learned(TARGET, learner="ppo", steps=2_048, seeds=(3,), episode=12)
OWN = {
    "ppo": PPOSettings(worlds=32, rollout=8, batch=64, epochs=2, hidden=8),
    "sac": SACSettings(worlds=8, batch=32, buffer=300, hidden=8),
    "dqn": DQNSettings(worlds=8, batch=32, buffer=300, target_update=80, hidden=8),
    "gradient": GradientSettings(worlds=32, decisions=8, hidden=8),
    "cross_entropy": CrossEntropySettings(population=8, elite=3, worlds=4, decisions=8),
}
BY = {
    by: replace(
        QUICK,
        learner=by,
        steps=512 if by in ("sac", "dqn") else QUICK.steps,  # an update for each eight of them
        action="hold_or_trade" if by == "dqn" else "bands",
        schedule="week" if by == "gradient" else "month",  # months are few to evaluate, and torch plays day by day
        **{by: OWN[by]},
    )
    for by in LEARNERS
}
LONG = replace(BY["cross_entropy"], steps=16 * 1_024)  # long enough to be killed well before its end


class Killed(Exception):
    """The end of a training before its end."""


@pytest.fixture(scope="module")
def past():
    return two_lines(252 * 10, seed=1)


def learned(spec, past, **given):
    policy = train(spec, past, COSTS, PENALTY, YEAR, workers=1, **given).policy
    return [*policy.net, *(np.array(list(point.values())) for point in policy.card["curve"])]


@pytest.fixture(scope="module")
def whole(past):
    """What a learner learns that nobody kills, each once."""
    return cache(lambda by: learned(BY[by], past))


@pytest.fixture(scope="module")
def kept(past, tmp_path_factory):
    """Two seeds that nobody kills, and the folder that keeps them."""
    spec, folder = replace(BY["cross_entropy"], seeds=(3, 4)), tmp_path_factory.mktemp("kept")
    return spec, train(spec, past, COSTS, PENALTY, YEAR, workers=1, checkpoints=folder, keep=True), folder


def assert_same(one, other):
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("by", LEARNERS)
def test_what_is_killed_goes_on_and_ends_with_the_same_bits(by, past, whole, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # slow, for the process below

    kept, board = tmp_path / "kept", tmp_path / "board"
    for stops in (0.3, 0.8):  # killed twice

        def kill(done, total, stops=stops):
            if done > stops * total:
                raise Killed

        with pytest.raises(Killed):
            learned(BY[by], past, checkpoints=kept, tensorboard=board, progress=kill)
        assert len(list(kept.iterdir())) == 1
    told = []
    assert_same(
        whole(by), learned(BY[by], past, checkpoints=kept, tensorboard=board, progress=lambda *way: told.append(way))
    )
    assert told[0][0] > 0.7 * told[0][1]  # it did not begin anew
    assert not kept.exists()
    noted = EventAccumulator(str(board / "seed-3"), purge_orphaned_data=False).Reload().Scalars(SCALAR)
    points = sorted({point.step: point.value for point in noted}.items())  # of three files, which began in one second
    np.testing.assert_allclose(points, whole(by)[len(Network._fields) :], rtol=1e-6)


def test_a_seed_that_is_done_waits_for_the_others(past, kept, tmp_path):
    """Killed while the second of two learns: the first is not learned again, and both are the same to the bit."""
    spec, whole, _ = kept

    def kill(done, total):
        if done > 0.75 * total:
            raise Killed

    with pytest.raises(Killed):
        train(spec, past, COSTS, PENALTY, YEAR, workers=1, checkpoints=tmp_path, progress=kill)
    assert len(list(tmp_path.iterdir())) == 2
    told = []
    again = train(
        spec, past, COSTS, PENALTY, YEAR, workers=1, checkpoints=tmp_path, progress=lambda *way: told.append(way[0])
    )
    assert told[0] == spec.whole_steps
    assert told[1] > 1.5 * spec.whole_steps  # nor did the second begin anew
    assert again.losses == whole.losses
    for seed in spec.seeds:
        assert_same(again.policies[seed].net, whole.policies[seed].net)
        assert again.policies[seed].card == whole.policies[seed].card
    assert not tmp_path.exists()


def test_a_process_that_is_killed_is_gone_on_with(past, tmp_path):
    """A real one, with the signal that nothing can catch, wherever it is just then."""
    code = (
        "import sys; from learned import *; from test_learners import *\n"
        "train(LONG, two_lines(252 * 10, seed=1), COSTS, PENALTY, YEAR, workers=1, checkpoints=sys.argv[1])"
    )
    where = os.pathsep.join([os.path.dirname(__file__), *sys.path])
    env = os.environ | {"PYTHONPATH": where, "TQDM_DISABLE": "1"}
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=env)
    while process.poll() is None and not list(tmp_path.glob("*.safetensors")):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    told = []
    again = learned(LONG, past, checkpoints=tmp_path, progress=lambda *way: told.append(way))
    assert told[0][0] > LONG.cross_entropy.update
    assert_same(learned(LONG, past), again)


def test_what_was_kept_of_another_training_is_left_alone(past, tmp_path):
    def kill(done, total):
        if done > 0.3 * total:
            raise Killed

    ticket = replace(COSTS, ticket=np.full(2, 1e-5))
    one = BY["cross_entropy"]
    for spec, costs in ((one, COSTS), (replace(one, schedule="week"), COSTS), (one, ticket)):
        with pytest.raises(Killed):
            train(spec, past, costs, PENALTY, YEAR, workers=1, checkpoints=tmp_path, progress=kill)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_checkpoint_that_is_not_whole_is_refused(past, tmp_path):
    one = Checkpoint(tmp_path, 1, {"tracking_penalty": 5.0})
    assert one.load() is None
    one.save({"a": np.ones(3)}, {"steps": 4})
    arrays, record = one.load()
    assert (arrays["a"].tolist(), record["steps"]) == ([1.0] * 3, 4)
    one.path.write_bytes(one.path.read_bytes()[:-5])
    with pytest.raises(DataError, match="Delete it; the seed then starts from the beginning"):
        one.load()
    one.save({"a": np.ones(3)}, {"steps": 4})
    whole = one.path.read_bytes()
    one.path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(DataError, match="its checksum does not match"):
        one.load()
    other = Checkpoint(tmp_path, 1, {"tracking_penalty": 4.0})
    other.path.write_bytes(whole)
    with pytest.raises(DataError, match="it is another checkpoint"):
        other.load()


# -- what they learn -------------------------------------------------------------------------------------------------

# Small networks that learn fast: four seeds of each lose 0.41 to 0.59 of the better.
FAST = {
    "ppo": {"ppo": PPOSettings(worlds=128, batch=1024, learning_rate=1e-2, hidden=16)},
    "dqn": {"dqn": DQNSettings(batch=256, learning_rate=3e-3, hidden=16, target_update=2_560)},
}


@cases(
    "by, action, steps",
    ("ppo", "hold_or_trade", 100_000),
    ("dqn", "hold_or_trade", 80_000),
    ("cross_entropy", "gate", 800_000),
)
def test_it_learns_to_trade_seldom_where_a_trade_has_a_ticket(by, action, steps, past):
    """Neither to trade every week nor never: it loses less than four fifths of the better of the two."""
    dear = replace(COSTS, ticket=np.full(2, 0.5e-4))
    spec = Learned(TARGET, steps=steps, seeds=(1,), learner=by, action=action, **FAST.get(by, {}))
    days = training_days(spec, past, dear, PENALTY, YEAR)
    trades = evaluate(days, 0, lambda seen: np.ones((len(seen), 2), np.float32)[:, : 1 + (action == "gate")])
    training = train(spec, past, dear, PENALTY, YEAR, workers=1)
    assert training.losses[1] < 0.8 * min(trades, training.never)  # half-way from 0.59, what the worst seed loses, to 1


def test_a_seed_that_no_longer_gains_stops_and_keeps_its_best(past):
    """In a market of noise alone there is nothing to find but the closed form, where it begins."""
    spec = replace(BY["gradient"], steps=256 * 24, patience=2)
    policy = train(spec, past, COSTS, PENALTY, YEAR, workers=1).policy
    curve = [point["loss"] for point in policy.card["curve"]]
    assert policy.card["steps"] < spec.whole_steps
    assert min(curve[-2:]) > min(curve[:-2])
    days = training_days(spec, past, COSTS, PENALTY, YEAR)
    kept = evaluate(days, 0, action_function(policy.net, policy.standard), WORLDS, VALIDATION)
    assert kept == pytest.approx(min(curve), rel=1e-12)
    whole = train(replace(spec, patience=0), past, COSTS, PENALTY, YEAR, workers=1).policy
    assert [point["loss"] for point in whole.card["curve"]][: len(curve)] == curve


# -- what is refused -------------------------------------------------------------------------------------------------


@cases(
    "changed, said",
    ({"learner": "dqn"}, "learner 'dqn' needs a discrete action, but action is 'bands': use 'hold_or_trade'"),
    ({"learner": "sac", "action": "hold_or_trade"}, "'hold_or_trade' is discrete: use learner 'ppo' or 'dqn'"),
    ({"learner": "gradient", "action": "gate"}, "learner 'gradient' minimises the loss directly and needs bands"),
    ({"action": "gamble"}, "action of Learned is 'gamble': use one of bands, edges, hold_or_trade"),
    ({"patience": -1}, "patience of Learned is -1"),
    ({"device": "tpu"}, "device of Learned is 'tpu': use one of cpu, cuda"),
    ({"steps": 0}, "steps of Learned is 0: give a whole number, 1 or more"),
    ({"gradient": OWN["gradient"]}, r"gradient of Learned is GradientSettings\(.*\), but its learner is 'ppo'"),
)
def test_a_learner_that_cannot_learn_the_action_is_refused(changed, said):
    with pytest.raises(ConfigError, match=said):
        replace(QUICK, **changed)


def test_two_threads_of_a_process_cannot_learn_at_once(past):
    with ThreadPoolExecutor(1) as other, one_thread():
        with one_thread():  # within one thread there is one order of what is drawn
            pass
        with pytest.raises(ConfigError, match="another thread of this process is training"):
            other.submit(learned, BY["ppo"], past).result()


def test_a_device_that_is_not_there_is_refused(past, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)  # wherever the test runs
    with pytest.raises(ConfigError, match="device of Learned is 'cuda', but torch finds no CUDA device"):
        train(replace(BY["ppo"], device="cuda"), past, COSTS, PENALTY, YEAR, workers=1)


def test_a_window_longer_than_the_history_is_refused(past):
    with pytest.raises(ConfigError, match="block of Learned is 9000 days, and market 'two assets' has 2519"):
        training_days(replace(QUICK, block=9_000), past, COSTS, PENALTY, YEAR)


@cases(
    "settings, said",
    (lambda: SACSettings(buffer=10), "buffer of SACSettings is 10: give 64 or more"),
    (lambda: DQNSettings(exploration=2.0), "exploration of DQNSettings is 2.0"),
    (lambda: CrossEntropySettings(elite=24), "elite of CrossEntropySettings is 24: give 2 or more, and fewer"),
    (lambda: CrossEntropySettings(worlds=0), "worlds of CrossEntropySettings is 0"),
)
def test_a_setting_out_of_range_is_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        settings()


def test_a_training_that_is_kept_is_taken_and_not_learned_again(past, kept, tmp_path):
    spec, first, folder = kept
    copytree(folder, tmp_path, dirs_exist_ok=True)
    told, anew = [], partial(train, spec, past, COSTS, PENALTY, YEAR, workers=1, checkpoints=tmp_path, keep=True)
    again = anew(progress=lambda *way: told.append(way))
    assert (first.reused, again.reused) == (0, 2)
    assert told == [(2 * spec.whole_steps, 2 * spec.whole_steps)]
    assert again.losses == first.losses
    for seed in spec.seeds:
        assert_same(again.policies[seed].net, first.policies[seed].net)
        assert again.policies[seed].card == first.policies[seed].card
    one = replace(spec, seeds=(3,))
    assert train(one, past, COSTS.scaled(2.0), PENALTY, YEAR, workers=1, checkpoints=tmp_path, keep=True).reused == 0
    assert train(one, past, COSTS, PENALTY, YEAR, workers=1, checkpoints=tmp_path, keep=True, retrain=True).reused == 0
    assert anew().reused == 2


def test_a_damaged_seed_of_a_kept_training_is_trained_anew_with_a_warning(past, kept, tmp_path):
    spec, first, folder = kept
    copytree(folder, tmp_path, dirs_exist_ok=True)
    anew = partial(train, spec, past, COSTS, PENALTY, YEAR, workers=1, checkpoints=tmp_path, keep=True)
    (path,) = tmp_path.glob("*-seed-4.safetensors")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.warns(
        UserWarning, match=r"Seed 4 is trained anew: .*-seed-4\.safetensors is not a readable checkpoint"
    ):
        again = anew()
    assert again.reused == 1
    assert_same(again.policies[4].net, first.policies[4].net)
    assert anew().reused == 2
