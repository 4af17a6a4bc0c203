"""Portfolios of every kind, drawn: the answer is what is done now, or the best, whose own gain exceeds the margin."""

from pathlib import Path

import new_york
import numpy as np
import pandas as pd
import pytest

from backtests.comparison import compare
from backtests.comparison.text import comparison_text
from foundation.paper.wording import number
from research.portfolio import load_portfolio

SESSIONS = new_york.sessions("1999-01-01", "2022-12-30")
CALENDARS = {name: f"{{rule: calendar, schedule: {name}}}" for name in ("week", "month", "quarter", "year")}
BANDS = {
    "narrow": "{rule: threshold, band: 0.01}",
    "wide": "{rule: threshold, band: 0.05}",
    "edge": "{rule: threshold, band: 0.03, to: edge}",
    "relative": "{rule: threshold, band: 0.25, kind: relative}",
}
EVERY = {"days": "", "weeks": "W-FRI", "months": "M"}
HEAD = """
name: {name}
market: {name}.csv
basis: USD
cash: 0
last_trade: {last:%Y-%m-%d}
costs: {{all: {{commission_bps: {half}, half_spread_bps: {half}}}}}
test_start: {start:%Y-%m-%d}
day_cost: {day_cost}
order_cost: {order_cost}
{policy}
policies:
"""


def drawn(folder: Path, seed: int) -> Path:
    """A portfolio of 2 to 30 assets, 1 to 20 years, 0 to 100 bp, of days, weeks or months; some as wild as crypto."""
    rng = np.random.default_rng(seed)
    rows = rng.choice(list(EVERY), p=[0.7, 0.15, 0.15])
    n, years = int(rng.integers(2, 31)), int(rng.integers({"days": 1, "weeks": 4, "months": 10}[rows], 21))
    volatility = rng.uniform(0.05, 0.3, n) * rng.choice([1.0, 1.0, 1.0, 3.0])
    dates, correlation = SESSIONS[-252 * (years + 1) - 1 :], rng.uniform(0.0, 0.8)
    common, own = rng.standard_t(5, len(dates)) * 0.6**0.5, rng.standard_normal((len(dates), n))
    calm = np.exp(np.cumsum(0.03 * rng.standard_normal(len(dates))))
    shocks = np.sqrt(correlation) * common[:, None] + np.sqrt(1.0 - correlation) * own
    moves = shocks * volatility / 252**0.5 * np.minimum(calm / np.sqrt((calm**2).mean()), 4.0)[:, None] + 2e-4
    prices = pd.DataFrame(100.0 * np.cumprod(1.0 + np.maximum(moves, -0.5), axis=0), dates, [f"A{i}" for i in range(n)])
    if EVERY[rows]:
        prices = prices.groupby(prices.index.to_period(EVERY[rows])).tail(1)
    prices.rename_axis("date").to_csv(folder / f"p{seed}.csv")
    weights = np.round(rng.dirichlet(np.full(n, 3.0)), 4)
    weights[0] += 1.0 - weights.sum()
    policies = [CALENDARS, BANDS, CALENDARS | BANDS][rng.integers(3)]
    fit = {"days": 0, "weeks": 1, "months": 2 if policies is CALENDARS else 1}[rows]
    policies = dict(list(policies.items())[fit if "week" in policies else 0 :])
    if rng.random() < 0.15:
        policies = dict([list(policies.items())[rng.integers(len(policies))]])
    nav = 10.0 ** rng.uniform(4.5, 8.0)
    named = f"policy: {rng.choice(list(policies))}" if rng.random() < 0.8 else ""
    text = HEAD.format(
        name=f"p{seed}", last=prices.index[-1], half=rng.choice([0.0, 0.5, 2.5, 10.0, 50.0]), policy=named,
        start=prices.index[len(prices) // (years + 1) + 3],
        day_cost=rng.choice([0, 50, 500]), order_cost=rng.choice([0, 5]),
    )  # fmt: skip
    text += "".join(f"  {name}: {rule}\n" for name, rule in policies.items()) + "lines:\n"
    line = "  A{0}: {{target: {1:.4f}, range: [0, 1], holdings: {2:.2f}, asset_class: all}}\n"
    path = folder / f"p{seed}.yaml"
    path.write_text(text + "".join(line.format(i, weights[i], nav * weights[i]) for i in range(n)))
    return path


@pytest.mark.parametrize("seed", range(6))
def test_the_answer_is_now_or_its_own_gain_exceeds_the_margin_and_a_pair_has_one_interval(
    seed: int, tmp_path: Path
) -> None:
    """Or now is barred, or none is named: then it is the best. All texts have the same gain and the same interval."""
    desk = load_portfolio(drawn(tmp_path, seed))
    compared = compare(desk, draws=100)
    made, said = compared.recommendation, compared.verdict
    if made.policy is None:
        assert not set(compared.scores) - set(made.broken)
        return
    own = made.candidates[made.policy]
    least = min(one.loss for name, one in made.candidates.items() if name not in made.broken)
    if made.now is None or made.is_forced or not made.is_kept:
        assert own.loss <= least + 0.01
    if made.now is not None and not made.is_forced:
        assert made.is_kept or own.gain.value > made.margin
        assert not made.is_kept or own.loss - least <= max(made.margin, 0.01) + 1e-6
    assert next(one for one in made.menu if one.above <= desk.day_cost <= one.below).policy == made.policy
    if made.compared is not None:
        gain = made.candidates[made.compared].gain
        ends = [number(v, 0 if abs(v) >= 10.0 else 2, signed=True) for v in (gain.lower, gain.upper)]
        worse = [number(-v, 0 if abs(v) >= 10.0 else 2) for v in (gain.upper, gain.lower)]
        is_worse = gain.upper < 0.0 and made.compared != made.policy
        assert (f"cost {worse[0]} to {worse[1]} more" if is_worse else f"{ends[0]} to {ends[1]}") in said.likely
        assert gain.interval(0) in comparison_text(compared)
