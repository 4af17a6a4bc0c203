"""A sweep's file as a researcher writes it, and each mistake answered with file, asset, key, value and fix."""

import re
from pathlib import Path

import pandas as pd
import pytest

from backtests.batch.streaming_metrics import BATCH_METRICS, CVAR
from backtests.runs.chunks import WorkPart
from backtests.sweeps import Keep
from backtests.sweeps.file import read_sweep
from foundation.errors import ConfigError, DataError
from research.allocation import HRP, EqualWeights
from research.rules import Calendar, Never, Threshold, Within

ROOT = Path(__file__).parents[3]
PORTFOLIO = ROOT / "data" / "portfolios" / "sixty_forty.yaml"


def written(folder: Path, text: str, head: str = f"portfolio: {PORTFOLIO}\n") -> Path:
    file = folder / "sweep.yaml"
    file.write_text(head + text)
    return file


def test_the_example_is_a_few_hundred_configurations() -> None:
    found = read_sweep(ROOT / "data" / "sweeps" / "thresholds.yaml")
    assert len(found.plan) == (1 + 3 + 8 * 3) * 4 * 4
    assert found.plan.portfolios == ("global_multi_asset",)
    assert (found.plan.lags, found.keep) == ((0, 1, 2, 5), Keep(3, "loss"))


def test_the_example_of_the_guide_is_read(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "sweeps.md").read_text(), flags=re.DOTALL)
    example = example.replace("../portfolios/global_multi_asset.yaml", str(PORTFOLIO))
    assert len(read_sweep(written(tmp_path, example, "")).plan) == 256


def test_the_guide_tells_every_figure_of_the_table() -> None:
    rows = [line for line in (ROOT / "docs" / "sweeps.md").read_text().splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])} >= {*BATCH_METRICS, CVAR}


def test_axes_are_combined(tmp_path: Path) -> None:
    text = """
rules:
  never:
  calendar: {schedule: [month, year], fraction: 0.5}
  threshold: {band: [0.01, 0.02], to: [target, 0.5, 1]}
allocations:
  strategic:
  equal:
  hrp: {window: [60, 120], schedule: week}
cost_multiples: [0.5, 2]
lags: 2
starts: [2013-01-02, 2014-01-02]
cvar95: true
"""
    found = read_sweep(written(tmp_path, text))
    assert len(found.plan) == (1 + 2 + 6) * 4 * 2 * 2
    assert found.cvar95
    policies = found.plan.policies
    held = policies[0].allocation
    assert list(policies[:6]) == [
        Never(held), Calendar(held, "month", fraction=0.5), Calendar(held, "year", fraction=0.5), Threshold(held, 0.01),
        Threshold(held, 0.01, Within(0.005)), Threshold(held, 0.01, "edge"),
    ]  # fmt: skip
    assert [p.allocation for p in policies[9::9]] == [
        EqualWeights(), HRP(60, schedule="week"), HRP(120, schedule="week"),
    ]  # fmt: skip
    assert found.plan.starts == (pd.Timestamp("2013-01-02"), pd.Timestamp("2014-01-02"))


@pytest.mark.parametrize("to", ["{half_width: 0.01}", "[{half_width: 0.01}]"])
def test_a_destination_within_a_group_s_band_is_written_as_in_a_portfolio_file(tmp_path: Path, to: str) -> None:
    found = read_sweep(written(tmp_path, f"rules: {{group_threshold: {{band: 0.05, to: {to}}}}}\n"))
    assert [policy.to for policy in found.plan.policies] == [Within(0.01)]


def test_starts_may_come_every_so_often(tmp_path: Path) -> None:
    text = "rules: {never: }\nstarts: {first: 2013-01-31, last: 2013-10-31, every: quarter}\n"
    plan = read_sweep(written(tmp_path, text)).plan
    assert [f"{s:%Y-%m-%d}" for s in plan.starts if s] == ["2013-01-31", "2013-04-30", "2013-07-31", "2013-10-31"]


def test_a_range_is_drawn_from_by_a_sample(tmp_path: Path) -> None:
    text = """
rules: {threshold: {band: {from: 0.005, to: 0.1}, to: [0, 1]}}
cost_multiples: {from: 0.5, to: 5}
sample: {size: 100, seed: 3}
"""
    plan = read_sweep(written(tmp_path, text)).plan
    bands = plan.columns(WorkPart(0, 100))["band"]
    assert len(plan) == 100
    assert 0.005 <= min(bands) < 0.01
    assert 0.09 < max(bands) <= 0.1
    assert read_sweep(written(tmp_path, text)).plan.settings == plan.settings


def test_a_list_has_names_and_the_words_of_a_portfolio_file(tmp_path: Path) -> None:
    text = """
configurations:
  ours:  {rule: threshold, band: 0.02, to: {half_width: 0.0175}, lag: 2}
  dear:  {rule: calendar, schedule: month, allocation: {kind: hrp, window: 60}, cost_multiple: 5, start: 2013-01-02}
  plain: {rule: calendar, schedule: month, allocation: {kind: strategic}}
keep: {configurations: [dear, 0]}
"""
    found = read_sweep(written(tmp_path, text))
    one, two, three = (found.plan[k] for k in range(3))
    assert (one.policy, one.lag) == (Threshold(one.policy.allocation, 0.02, Within(0.0175)), 2)
    assert (two.policy, two.cost_multiple, two.start) == (Calendar(HRP(60), "month"), 5.0, pd.Timestamp("2013-01-02"))
    assert three.policy == Calendar(one.policy.allocation, "month")
    assert found.plan.names == ("ours", "dear", "plain")
    assert found.keep.configurations == ("dear", 0)


def test_several_portfolios_are_called_by_their_files(tmp_path: Path) -> None:
    other = PORTFOLIO.with_name("global_multi_asset.yaml")
    found = read_sweep(written(tmp_path, "rules: {never: }\n", f"portfolios: [{PORTFOLIO}, {other}]\n"))
    assert found.plan.portfolios == ("sixty_forty", "global_multi_asset")


RULES = "rules: {calendar: {schedule: month}}\n"


@pytest.mark.parametrize(("text", "said"), [
    ("ruels: {never: }\n", r"ruels: unknown key \(.*, line 2\): found 'ruels'. Did you mean 'rules'\?"),
    ("lags: [1]\n", "rules: missing"),
    ("rules: {treshold: {band: 0.1}}\n", r"unknown rule of a sweep \(.*line 2\): found 'treshold'. Did you mean"),
    ("rules:\n  threshold:\n    bnad: [0.01]\n", r"rules.threshold.bnad: unknown key \(.*line 4\).*mean 'band'"),
    ("rules: {tuned: {}}\n", "unknown rule of a sweep"),
    ("rules: {threshold: {to: edge}}\n", r"rules.threshold.band: missing \(.*line 2\)"),
    ("rules: {threshold: {band: []}}\n", r"rules.threshold.band: an empty axis \(.*line 2\): found \[\]"),
    ("rules: {}\n", r"rules: too short .*found \{\}"),
    ("rules: {threshold: {band: [0.01, 0.01]}}\n", "a value is repeated .*found 0.01"),
    (
        "rules: {threshold: {band: [0.01, wide]}}\n",
        r"rules.threshold.band: not a number \(.*line 2\): found 'wide'. Write a plain",
    ),
    ("rules: {threshold: {band: [0.01, 2]}}\n", r"rules.threshold \(.*line 2\): .*two percentage points are 0.02"),
    ("rules: {threshold: {band: 0.01, to: 1.5}}\n", "rules.threshold.to: not a destination .*found 1.5"),
    (
        "rules: {threshold: {band: 0.01, to: {half_width: 0.005}}}\n",
        r"rules.threshold.to: not a destination .*found \{'half_width': 0.005\}. Give a fraction of the band",
    ),
    (
        "rules: {group_threshold: {band: 0.05, to: 0.5}}\n",
        r"group_threshold.to: not one of its words .*found 0.5. .*or write a mapping such as \{half_width: 0.01\}",
    ),
    ("rules: {threshold: {band: {from: 0.1, to: 0.2}}}\n", r"threshold.band: a grid cannot use a range \(.*line 2\)"),
    ("rules: {threshold: {band: {from: 0.2, to: 0.1}}}\n", r"band \(.*line 2\): a range from 0.2 to 0.1 is empty"),
    (
        "rules: {calendar: {schedule: fortnight}}\n",
        r"schedule: not one of its words \(.*line 2\): found 'fortnight'. Use day",
    ),
    ("rules: {calendar: {schedule: month, fraction: 0}}\n", r"rules.calendar \(.*line 2\): fraction of Calendar is 0"),
    (RULES + "allocations: {hrp: {window: [1, 20]}}\n", r"allocations.hrp \(.*line 3\): window of HRP is 1"),
    (RULES + "allocations: {hpr: {window: 20}}\n", "unknown allocation of a sweep .*Did you mean 'hrp'"),
    (RULES + "allocations: {strategic: {window: 20}}\n", "allocations.strategic.window: unknown key"),
    (RULES + "cost_multiples: []\n", r"cost_multiples: an empty axis \(.*line 3\)"),
    (
        RULES + "cost_multiples: [-1]\n",
        r"cost_multiples \(.*line 3\): cost_multiples of a plan holds -1: give a finite number",
    ),
    (RULES + "lags: [1.5]\n", r"lags \(.*line 3\): lags of a plan holds 1.5: give a number of sessions"),
    (RULES + "lags: [-1]\n", r"lags \(.*line 3\): lags of a plan holds -1: give a number of sessions"),
    (RULES + "starts: [2013-02-30]\n", r"starts: not a date \(.*line 3\): found '2013-02-30'. Write it as YYYY-MM-DD"),
    (RULES + "starts: {first: 2014-01-01, last: 2013-01-01, every: month}\n", "starts.last: before the first"),
    (RULES + "starts: {first: 2014-01-01, last: 2015-01-01, every: day off}\n", "starts.every: not one of"),
    (RULES + "lags: []\n", r"lags: an empty axis \(.*line 3\): found \[\]"),
    (RULES + "lags: [1, null]\n", r"lags: a value is empty \(.*line 3\)"),
    (RULES + "lags: {from: 0, to: 5}\n", r"lags \(.*line 3\): lags of a plan holds {'from': 0, 'to': 5}"),
    (
        RULES + "cost_multiples: [1, 1e9]\n",
        r"cost_multiples \(.*line 3\): costs of sixty_forty times 1e\+09: commission of SPY is",
    ),
    (
        RULES + "cost_multiples: {from: -1, to: 2}\nsample: {size: 2}\n",
        r"cost_multiples \(.*line 3\): cost_multiples of a plan holds -1",
    ),
    (
        RULES + "cost_multiples: {from: 0, to: 1e9}\nsample: {size: 2}\n",
        r"cost_multiples \(.*line 3\): costs of sixty_forty times 1e\+09",
    ),
    (RULES + "starts: []\n", r"starts: an empty axis \(.*line 3\)"),
    (RULES + "starts: [1950-01-03]\n", r"starts \(.*line 3\): a test of sixty_forty starts on 1950-01-03, but its"),
    (
        RULES + "starts: {first: 2020-01-01, last: 2099-01-01, every: year}\n",
        r"starts \(.*line 3\): a test of sixty_forty starts on 2023-01-01, but its market runs from",
    ),
    (
        RULES + "allocations:\n  equal:\n  hrp:\n    window: [20, 99999]\n",
        r"allocations.hrp.window \(.*line 6\): market .* needs 99999 returns on .* Give a shorter `window`",
    ),
    (RULES + "allocations: {hrp: {window: 20.5}}\n", r"hrp.window: not a whole number \(.*line 3\): found 20.5"),
    (RULES + "keep: {configurations: [1.5]}\n", r"keep.configurations: not a configuration \(.*line 3\): found 1.5"),
    (RULES + "keep: {best: 1, by: cvar95}\n", r"keep.by: not a metric of this sweep \(.*line 3\).*Add `cvar95: t"),
    ("configurations:\n  a:\n    rule: []\n", r"configurations.a.rule: not text \(.*line 4\): found \[\]"),
    (
        "configurations:\n  a:\n    rule: never\n    start: 1950-01-03\n",
        r"configurations.a.start \(.*line 5\): a test of sixty_forty starts on 1950-01-03",
    ),
    (
        "configurations:\n  a:\n    rule: never\n    cost_multiple: 1e9\n",
        r"configurations.a.cost_multiple \(.*line 5\): costs of sixty_forty times 1e\+09",
    ),
    (
        "configurations:\n  a:\n    rule: never\n    allocation: {kind: hrp, window: 99999}\n",
        r"configurations.a.allocation.window \(.*line 5\): market .* needs 99999 returns",
    ),
    (RULES + "sample: {seed: 1}\n", "sample.size: missing"),
    (RULES + "sample: {size: 2}\n", r"sample \(.*line 3\): size of a sample is 2, but its grid has 1"),
    (
        "rules: {threshold: {band: {from: 0.01, to: 0.1}}}\nsample: {size: 10000000000000}\n",
        r"sample.size: out of bounds \(.*line 3\): found 10000000000000. .* at most 10,000,000",
    ),
    (RULES + "sample: {size: 1, kind: halton}\n", "sample.kind: not one of its words .*found 'halton'"),
    (RULES + "keep: {best: 1, by: j}\n", r"keep \(.*line 3\): by of keep is 'j'"),
    (RULES + "keep: {configurations: [1]}\n", "configuration 1 is not in the plan"),
    (RULES + "keep: {worst: 1}\n", "keep.worst: unknown key"),
    (RULES + "cvar95: 1\n", "cvar95: not true or false"),
    (RULES + "portfolios: [a.yaml]\n", "one of portfolio and portfolios is needed"),
    (RULES + "configurations: {a: {rule: never}}\n", "rules: cannot be combined with a list"),
    ("configurations: {}\n", "configurations: says nothing"),
    (RULES + "allocations:\n", r"allocations: says nothing .*leave the key out"),
    ("rules:\n", "rules: says nothing"),
    ("configurations: {a: {rule: tuned}}\n", r"configurations.a.rule: not a rule of a sweep \(.*found 'tuned'"),
    ("configurations: {a: {rule: never, bnad: 1}}\n", "configurations.a.bnad: unknown key"),
    ("configurations: {a: {rule: never, lag: -1}}\n", "configurations.a.lag: out of bounds"),
    ("configurations: {a: {rule: never, portfolio: b}}\n", "configurations.a.portfolio: unknown portfolio"),
    (
        "configurations:\n  a: {rule: never}\n  b: {rule: never}\n",
        r"configurations.b: the same configuration as 'a' \(.*line 4\): found {'rule': 'never'}. Keep one",
    ),
    (
        RULES + "starts: [2020-01-02, 2022-01-03]\nlags: [1, 100000]\n",
        r"lags \(.*line 4\): a lag of 100000 sessions does not fit into the test of sixty_forty that opens on 2021",
    ),
    (
        "configurations:\n  a:\n    rule: never\n    lag: 5000\n",
        r"configurations.a.lag \(.*line 5\): a lag of 5000 sessions does not fit",
    ),
])  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises((ConfigError, DataError), match=said) as error:
        read_sweep(file)
    assert str(file) in str(error.value)


def test_a_portfolio_that_is_not_there_is_said_where_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"portfolio: no such file \(.*sweep.yaml, line 1\): found 'desk.yaml'"):
        read_sweep(written(tmp_path, RULES, "portfolio: desk.yaml\n"))
