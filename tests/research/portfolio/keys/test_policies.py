"""Names in a file and the classes behind them: every one can be written, read, and written again."""

import re
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cases import cases

from foundation.errors import ConfigError
from research import allocation as allocations
from research import rules
from research.allocation.constraints import Cardinality, Constraints, Group, Most
from research.allocation.signals import read_signals
from research.forecast import (
    Benchmark,
    Estimated,
    FactorModel,
    HARVolatility,
    JumpModel,
    MarkovRegimes,
    MarkovSwitching,
    Refitted,
    SignalBlend,
    VolatilityPercentiles,
)
from research.forecast.news import read_scores
from research.learning import GradientSettings, Learned, PPOSettings, Universal
from research.portfolio import load_portfolio
from research.portfolio.file.document import read_document
from research.portfolio.keys.allocations import ALLOCATIONS, FORECASTS, MODELS, NESTED_FIELDS, PEER_NAMES, REGIME_MODELS
from research.portfolio.keys.policies import RULES, policy_settings, read_policy

STRATEGIC = allocations.FixedWeights((0.6, 0.4))

SIGNALS = Path(__file__).parents[4] / "data" / "examples" / "signal_scores.csv"
SCORES = Path(__file__).parents[4] / "data" / "examples" / "news_scores.csv"
EXAMPLES = {
    "{rule: never}": rules.Never(STRATEGIC),
    "{rule: calendar, schedule: month, fraction: 0.5}": rules.Calendar(STRATEGIC, "month", fraction=0.5),
    "{rule: threshold, band: 0.03, to: edge}": rules.Threshold(STRATEGIC, 0.03, "edge"),
    "{rule: threshold, to: {half_width: 0.0175}}": rules.Threshold(STRATEGIC, 0.02, rules.Within(0.0175)),
    "{rule: calendar, schedule: 10, offset: -1, cooldown: 3}": rules.Calendar(STRATEGIC, 10, offset=-1, cooldown=3),
    "{rule: threshold, band: 0.25, kind: relative, cap: 0.05, schedule: friday, review_schedule: quarter}": (
        rules.Threshold(STRATEGIC, 0.25, schedule="friday", kind="relative", cap=0.05, review_schedule="quarter")
    ),
    "{rule: threshold, kind: volatility, returns: 63, lines: breaching, payer: SPY, turnover_cap: 0.1}": (
        rules.Threshold(STRATEGIC, kind="volatility", returns=63, lines="breaching", payer="SPY", turnover_cap=0.1)
    ),
    "{rule: regime_threshold, band: 0.02, turbulent_band: 0.05, to: edge, regimes: {kind: markov, line: SPY}}": (
        rules.RegimeThreshold(STRATEGIC, MarkovSwitching("SPY"), 0.02, 0.05, "edge")
    ),
    "{rule: group_threshold, by: sector, band: 0.03, to: {half_width: 0.01}, lines: 0.02}": rules.GroupThreshold(
        STRATEGIC, "sector", 0.03, rules.Within(0.01), lines=0.02
    ),
    "{rule: tracking_error, limit: 0.02, returns: 63, fraction: 0.5}": rules.TrackingError(
        STRATEGIC, 0.02, returns=63, fraction=0.5
    ),
    "{rule: cost_benefit, tracking_penalty: 3, horizon: 0.5, schedule: week}": rules.CostBenefit(
        STRATEGIC, 3.0, 0.5, schedule="week"
    ),
    "{rule: no_trade_region, to: target, narrowed: false}": rules.NoTradeRegion(STRATEGIC, to="target", narrowed=False),
    "{rule: best_point, horizon: 1, schedule: 21, returns: 126}": rules.BestPoint(
        STRATEGIC, horizon=1.0, schedule=21, returns=126
    ),
    "{rule: pair_region, tracking_penalty: 3, power: 0.5, schedule: week}": rules.PairRegion(
        STRATEGIC, 3.0, 0.5, schedule="week"
    ),
    "{rule: multi_period, horizon: 4, half_life: 2, schedule: month, returns: 126}": rules.MultiPeriod(
        STRATEGIC, 4, half_life=2.0, schedule="month", returns=126
    ),
    "{rule: tuned, bands: [0.01, 0.02], to: [0, 1]}": rules.TunedThreshold(STRATEGIC, (0.01, 0.02), (0.0, 1.0)),
    "{rule: learned, steps: 9, seeds: [7], learner: ppo, ppo: {epochs: 3}}": Learned(
        STRATEGIC, 9, (7,), learner="ppo", ppo=PPOSettings(epochs=3)
    ),
    "{rule: learned, steps: 9, seeds: [7], learner: gradient, gradient: {worlds: 3}}": Learned(
        STRATEGIC, 9, (7,), learner="gradient", gradient=GradientSettings(worlds=3)
    ),
    "{rule: universal, tracking_penalty: 3, schedule: month, returns: 126}": Universal(
        STRATEGIC, 3.0, schedule="month", returns=126
    ),
    "{rule: cppi, floor: 0.9, multiplier: 3, band: 0.01}": rules.CPPI(STRATEGIC, 0.01, floor=0.9, multiplier=3.0),
    "{rule: drawdown_floor, limit: 0.15, schedule: week}": rules.DrawdownFloor(STRATEGIC, schedule="week", limit=0.15),
    "{rule: stop_loss, limit: 0.15, wait: 63}": rules.StopLoss(STRATEGIC, limit=0.15, wait=63),
    "{rule: never, allocation: {kind: strategic, unlisted: cash}}": rules.Never(
        allocations.FixedWeights((0.6, 0.4), "cash")
    ),
    "{rule: never, allocation: {kind: equal}}": rules.Never(allocations.EqualWeights()),
    "{rule: never, allocation: {kind: inverse_volatility, window: 63}}": rules.Never(allocations.InverseVolatility(63)),
    "{rule: never, allocation: {kind: minimum_variance, schedule: year}}": rules.Never(
        allocations.MinimumVariance(schedule="year")
    ),
    "{rule: never, allocation: {kind: hrp, linkage: ward, order: pypfopt}}": rules.Never(
        allocations.HRP(linkage="ward", order="pypfopt")
    ),
    "{rule: never, allocation: {kind: herc, risk: cvar, clusters: 4, recluster: quarter, memory: 0.5}}": rules.Never(
        allocations.HERC(risk="cvar", clusters=4, recluster="quarter", memory=0.5)
    ),
    "{rule: never, allocation: {kind: nco, clusters: silhouette, covariance: oas, lower: 0.02, upper: {SPY: 0.5}, "
    "constraints: {groups: {bonds: {where: {asset_class: bond}, least: 0.1, most: 0.4}}}}}": rules.Never(
        allocations.NCO(
            clusters="silhouette",
            covariance="oas",
            lower=0.02,
            upper={"SPY": 0.5},
            constraints=Constraints(groups={"bonds": Group(where={"asset_class": "bond"}, least=0.1, most=0.4)}),
        )
    ),
    "{rule: never, allocation: {kind: schur, gamma: 0.3, distance: rank}}": rules.Never(
        allocations.Schur(gamma=0.3, distance="rank")
    ),
    "{rule: never, allocation: {kind: exposure, exposure: 0.6}}": rules.Never(
        allocations.ConstantExposure(STRATEGIC, 0.6)
    ),
    "{rule: never, allocation: {kind: volatility_target, volatility: 0.1, of: {kind: exposure, exposure: 0.9, "
    "of: {kind: hrp, window: 126}}}}": rules.Never(
        allocations.VolatilityTarget(allocations.ConstantExposure(allocations.HRP(126), 0.9), 0.1)
    ),
    "{rule: never, allocation: {kind: volatility_target, volatility: 0.1, forecast: {kind: har, schedule: month}"
    "}}": rules.Never(allocations.VolatilityTarget(STRATEGIC, 0.1, forecast=Refitted(HARVolatility(), "month"))),
    "{rule: never, allocation: {kind: mean_variance}}": rules.Never(allocations.MeanVariance()),
    "{rule: never, allocation: {kind: universal_portfolio, points: 100, seed: 7}}": rules.Never(
        allocations.UniversalPortfolio(points=100, seed=7)
    ),
    "{rule: never, allocation: {kind: exponential_gradient, rate: 0.5}}": rules.Never(
        allocations.ExponentialGradient(0.5)
    ),
    "{rule: never, allocation: {kind: anticor, lookback: 15, schedule: week}}": rules.Never(
        allocations.Anticor(15, schedule="week")
    ),
    "{rule: never, allocation: {kind: market_cap, fact: cap}}": rules.Never(allocations.MarketCapWeights("cap")),
    "{rule: never, allocation: {kind: momentum, skip: 21, weights: inverse_volatility}}": rules.Never(
        allocations.Momentum(skip=21, weights="inverse_volatility")
    ),
    "{rule: never, allocation: {kind: average, weights: [0.3, 0.7], of: [{kind: hrp, window: 126}, {kind: shrunk, "
    "share: 0.4, of: {kind: minimum_variance}}]}}": rules.Never(
        allocations.Average((allocations.HRP(126), allocations.Shrunk(allocations.MinimumVariance(), 0.4)), (0.3, 0.7))
    ),
    "{rule: never, allocation: {kind: regime_exposure, schedule: month, regimes: {line: SPY, means: [0.001, -0.001], "
    "deviations: [0.007, 0.02], transition: [[0.99, 0.01], [0.05, 0.95]], seen: 2012-12-31}, "
    "of: {kind: equal}}}": rules.Never(
        allocations.RegimeExposure(
            allocations.EqualWeights(),
            MarkovRegimes("SPY", (0.001, -0.001), (0.007, 0.02), ((0.99, 0.01), (0.05, 0.95)), date(2012, 12, 31)),
            "month",
        )
    ),
    "{rule: never, allocation: {kind: regime_exposure, exposures: [1, 0.5, 0.2], regimes: {kind: markov, states: 3, "
    "line: SPY, schedule: quarter}}}": rules.Never(
        allocations.RegimeExposure(STRATEGIC, MarkovSwitching("SPY", 3, "quarter"), exposures=(1.0, 0.5, 0.2))
    ),
    "{rule: never, allocation: {kind: regime_exposure, regimes: {kind: jump, line: SPY, penalty: 30}}}": rules.Never(
        allocations.RegimeExposure(STRATEGIC, JumpModel("SPY", penalty=30.0))
    ),
    "{rule: never, allocation: {kind: regime_exposure, exposures: [1, 1, 0.5, 0], regimes: {kind: volatility, "
    "line: SPY, half_life: 10, levels: [0.4, 0.7, 0.9]}}}": rules.Never(
        allocations.RegimeExposure(
            STRATEGIC, VolatilityPercentiles("SPY", 10.0, (0.4, 0.7, 0.9)), exposures=(1.0, 1.0, 0.5, 0.0)
        )
    ),
    "{rule: never, allocation: {kind: shrunk}}": rules.Never(allocations.Shrunk(STRATEGIC)),
    "{rule: never, allocation: {kind: reserve, line: USDC, fraction: 0.1, of: {kind: equal}}}": rules.Never(
        allocations.Reserve(allocations.EqualWeights(), "USDC", 0.1)
    ),
    "{rule: never, allocation: {kind: smoothed, half_life: 6, of: {kind: hrp, window: 126}}}": rules.Never(
        allocations.Smoothed(allocations.HRP(126), 6.0)
    ),
    "{rule: never, allocation: {kind: capped_turnover, most: 0.05, of: {kind: smoothed, of: {kind: equal}}}}": (
        rules.Never(allocations.CappedTurnover(allocations.Smoothed(allocations.EqualWeights()), 0.05))
    ),
    "{rule: never, allocation: {kind: mean_variance, lower: 0.05, upper: {SPY: 0.5, AGG: 1}, "
    "forecast: {covariance: oas, window: 126}}}": rules.Never(
        allocations.MeanVariance(
            forecast=Estimated(covariance="oas", window=126), lower=0.05, upper={"SPY": 0.5, "AGG": 1.0}
        )
    ),
    "{rule: never, allocation: {kind: mean_variance, objective: target_return, goal: 0.05, constraints: "
    "{turnover: {most: 0.1, gives_way: 1}, groups: {us: {where: {region: us}, most: 0.4}}}}}": rules.Never(
        allocations.MeanVariance(
            "target_return",
            goal=0.05,
            constraints=Constraints(
                turnover=Most(most=0.1, gives_way=1), groups={"us": Group(where={"region": "us"}, most=0.4)}
            ),
        )
    ),
    "{rule: never, allocation: {kind: robust_cvar, radius: 0.001, level: 0.9}}": rules.Never(
        allocations.RobustCVaR(radius=0.001, level=0.9)
    ),
    "{rule: never, allocation: {kind: maximum_ratio, risk: evar, level: 0.9}}": rules.Never(
        allocations.MaximumRatio(risk="evar", level=0.9)
    ),
    "{rule: never, allocation: {kind: kelly, window: 500, upper: 0.5}}": rules.Never(
        allocations.Kelly(window=500, upper=0.5)
    ),
    "{rule: never, allocation: {kind: minimum_risk, risk: cdar, level: 0.9, upper: {SPY: 0.5}}}": rules.Never(
        allocations.MinimumRisk("cdar", level=0.9, upper={"SPY": 0.5})
    ),
    "{rule: never, allocation: {kind: risk_parity, budgets: {SPY: 0.4, AGG: 0.6}, forecast: {covariance: oas}}}": (
        rules.Never(allocations.RiskParity(forecast=Estimated(covariance="oas"), budgets={"SPY": 0.4, "AGG": 0.6}))
    ),
    "{rule: never, allocation: {kind: tail_parity, budgets: {SPY: 0.5}, window: 504, level: 0.9}}": rules.Never(
        allocations.TailParity(window=504, level=0.9, budgets={"SPY": 0.5})
    ),
    "{rule: never, allocation: {kind: maximum_diversification, upper: 0.4}}": rules.Never(
        allocations.MaximumDiversification(upper=0.4)
    ),
    "{rule: never, allocation: {kind: benchmark_tracking, benchmark: {SPY: 0.6, AGG: 0.4}, constraints: {cardinality: "
    "{most: 3}}}}": rules.Never(
        allocations.BenchmarkTracking(
            {"SPY": 0.6, "AGG": 0.4}, constraints=Constraints(cardinality=Cardinality(most=3))
        )
    ),
    f"{{rule: never, allocation: {{kind: news, scores: {SCORES}, ranges: [[SPY, 0.2, 0.4]], placebo: 3, flag: -0.3, "
    "of: {kind: equal}}}": rules.Never(
        allocations.NewsTilt(
            allocations.EqualWeights(),
            scores=read_scores(SCORES, str(SCORES)),
            flag=-0.3,
            ranges=(("SPY", 0.2, 0.4),),
            placebo=3,
        )
    ),
    f"{{rule: never, allocation: {{kind: signals, table: {SIGNALS}, mapping: rank, max_age: 45}}}}": rules.Never(
        allocations.Signals(read_signals(SIGNALS, str(SIGNALS)), "rank", max_age=45)
    ),
    "{rule: never, allocation: {kind: tilted, forecast: signals, tracking_error: 0.03, confidence: 0.5, upper: 0.5, "
    "of: {kind: equal}}}": rules.Never(
        allocations.Tilted(allocations.EqualWeights(), SignalBlend(), 0.03, 0.5, upper=0.5)
    ),
    "{rule: never, allocation: {kind: benchmark_tracking, column: cap}}": rules.Never(
        allocations.BenchmarkTracking(column="cap")
    ),
}

MANY = Path(__file__).parents[4] / "data" / "portfolios" / "global_multi_asset.yaml"


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def policy(written: str) -> Any:
        path = tmp_path / "file.yaml"
        path.write_text(f"policies:\n  mine: {written}\n")
        return read_policy(read_document(path), ("policies", "mine"), STRATEGIC)

    return policy


@pytest.mark.parametrize("written", EXAMPLES)
def test_written_policy_is_the_object(read: Any, written: str) -> None:
    assert read(written) == EXAMPLES[written]


@pytest.mark.parametrize("policy", EXAMPLES.values(), ids=list(EXAMPLES))
def test_settings_of_a_policy_are_plain_complete_and_read_back(policy: Any, tmp_path: Path) -> None:
    settings = policy_settings(policy)
    assert set(settings) == {"rule", *(f.name for f in fields(policy) if getattr(policy, f.name) is not None)}
    document = read_document(_empty(tmp_path), {"policies.mine": settings})
    assert read_policy(document, ("policies", "mine"), STRATEGIC) == policy


@pytest.mark.parametrize("name", PEER_NAMES)
def test_the_name_of_a_peer_is_an_allocation_and_is_written_back_by_its_own_word(read: Any, name: str) -> None:
    kind, settings = PEER_NAMES[name]
    needed = {"efficient_return": ", goal: 0.05", "efficient_risk": ", goal: 0.1", "benchmark_tracker": ", column: cap"}
    more = needed.get(name, "")
    held = read(f"{{rule: Never, allocation: {{kind: {name.title()}{more}}}}}").allocation
    own = ", ".join([f"kind: {kind}", *(f"{key}: {value}" for key, value in settings.items())])
    assert held == read(f"{{rule: never, allocation: {{{own}{more}}}}}").allocation
    assert policy_settings(rules.Never(held))["allocation"]["kind"] == kind
    assert name not in ALLOCATIONS


def test_the_setting_that_a_name_states_cannot_be_another(read: Any) -> None:
    with pytest.raises(ConfigError, match=r"allocation\.objective: unknown key .*found 'objective'"):
        read("{rule: never, allocation: {kind: max_sharpe, objective: utility}}")


REGISTRIES = {
    **{f"{{rule: {name}}}": cls for name, cls in RULES.items()},
    **{f"{{rule: never, allocation: {{kind: {name}}}}}": cls for name, cls in ALLOCATIONS.items()},
    **{
        f"{{rule: never, allocation: {{kind: tilted, forecast: {{kind: {name}}}}}}}": cls
        for name, cls in {**FORECASTS, **MODELS}.items()
        if cls is not FactorModel  # which asks for `factors` first
    },
    **{
        f"{{rule: never, allocation: {{kind: regime_exposure, regimes: {{kind: {name}}}}}}}": cls
        for name, cls in REGIME_MODELS.items()
    },
}


@pytest.mark.parametrize("written", REGISTRIES)
def test_a_setting_that_a_kind_needs_and_that_is_left_out_is_named(read: Any, written: str) -> None:
    """Each kind without settings is either whole, or refused with the keys to add."""
    cls = REGISTRIES[written]
    needed = {f.name for f in fields(cls) if f.init and f.default is MISSING and f.default_factory is MISSING}
    given = (
        {"allocation", "weights"} if cls in (allocations.FixedWeights, Benchmark) else {"allocation"}
    )  # of the file itself
    if not (needed := needed - given):
        with suppress(ConfigError):  # of settings of which one of several is needed
            read(written)
        return
    with pytest.raises(ConfigError, match=r"missing \(.*Add `") as told:
        read(written)
    for name in needed:
        assert f"Add `{NESTED_FIELDS.get(name, name)}:`" in str(
            told.value
        ) or f".{NESTED_FIELDS.get(name, name)}." in str(told.value)


@cases(
    "kind, message",
    ("min_variance, upper: 0.3", r"upper: unknown key .*for these take `kind: min_volatility`"),
    ("minimum_variance, constraints: {net: {most: 1}}", r"constraints: unknown key .*`kind: min_volatility`"),
    ("efficient_risk, target_volatility: 0.1", r"target_volatility: unknown key .*Write `goal:` here"),
    ("efficient_return, target_return: 0.1", r"target_return: unknown key .*Write `goal:` here"),
)
def test_a_key_of_a_peer_is_answered_with_the_one_of_the_house(read: Any, kind: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(f"{{rule: never, allocation: {{kind: {kind}}}}}")


def test_weights_below_zero_are_refused_where_the_range_is_long_only(tmp_path: Path) -> None:
    (tmp_path / "w.csv").write_text("date,SPY,AGG\n2020-01-31,0.5,0.5\n2020-02-28,1.2,-0.3\n")
    path = tmp_path / "file.yaml"
    path.write_text("policies:\n  mine: {rule: never, allocation: {kind: signals, table: w.csv}}\n")

    def read(lower: float) -> Any:
        ranges = (("SPY", 0.0, 1.0), ("AGG", lower, 1.0))
        return read_policy(read_document(path), ("policies", "mine"), STRATEGIC, {"ranges": ranges})

    said = r"table \(.*weight below 0 for AGG on 2020-02-28 \(w.csv, row 3\): found -0.3"
    with pytest.raises(ConfigError, match=said):
        read(0.0)
    assert isinstance(read(-0.5).allocation, allocations.Signals)
    path.write_text(path.read_text().replace("w.csv", "w.csv, mapping: rank"))
    assert isinstance(read(0.0).allocation, allocations.Signals)


def test_every_name_has_an_example() -> None:
    assert {type(policy) for policy in EXAMPLES.values()} == set(RULES.values())
    assert {type(policy.allocation) for policy in EXAMPLES.values()} == set(ALLOCATIONS.values())


@cases(
    "written, message",
    ("{schedule: month}", r"policies\.mine\.rule: missing \(.*line 2\): found None\. Add `rule:`"),
    ("calendar", r"policies\.mine: not a mapping \(.*line 2\): found 'calendar'"),
)
def test_a_policy_that_names_no_rule_is_refused(read: Any, written: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(written)


@cases(
    "rule, message",
    ("calender", r"\.rule: unknown rule \(.*\): found 'calender'\. Did you mean 'calendar'\?"),
    ("calendar, schedul: month", r"\.schedul: unknown key \(.*\): found 'schedul'\. Did you mean 'schedule'\?"),
    ("never, band: 0.02", r"\.band: unknown key .*Use rule, allocation"),
    ("calendar, schedule: monthly", r"\.schedule: not one of its words .*found 'monthly'\. Did you mean 'month'"),
    ("threshold, band: wide", r"\.band: not a number \(.*\): found 'wide'\. Write a plain number"),
    ("threshold, band: true", r"\.band: not a number \(.*\): found True"),
    ("threshold, band: '0.02'", r"\.band: not a number \(.*\): found '0\.02'"),
    ("threshold, band: 3%", r"\.band: not a number \(.*line 2\): found '3%'\. Write a plain number"),
    ("threshold, band: -0.02", r" \(.*line 2\): band of Threshold is -0\.02: a half-width is at least 0"),
    ("threshold, to: middle", r"\.to: not one of its words .*found 'middle'\. Use target, edge, or write a "),
    ("threshold, to: 0.5", r"\.to: .*found 0\.5\. Use 'target' or 'edge', or .* \{half_width: 0\.01\}\.$"),
    ("threshold, to: {half_width: wide}", r"\.to\.half_width: not a number .*found 'wide'"),
    ("threshold, to: {half_widht: 0.01}", r"\.to\.half_widht: unknown key .*Did you mean 'half_width'"),
    ("threshold, to: {}", r"\.to\.half_width: missing \(.*found None\. Add `half_width:`"),
    ("threshold, to: {half_width: 0.01, x: 1}", r"\.to\.x: unknown key \(.*line 2\): found 'x'\. Use half_width"),
    ("threshold, to: {half_width: 0.5}", r" \(.*\): to of Threshold is .*: destination 0\.5 lies outside the band"),
    ("learned, seeds: [1, 1]", r" \(.*line 2\): seeds of Learned are \(1, 1\)"),
    ("learned, learner: ppo, ppo: {words: 3}", r"\.ppo\.words: unknown key .*Did you mean 'worlds'"),
    ("learned, allocation: {kind: hrp}", r" \(.*\): Learned "),
    ("tuned, bands: []", r" \(.*line 2\): bands of TunedThreshold is \(\): give a tuple of at"),
    ("tuned, to: []", r" \(.*line 2\): to of TunedThreshold is \(\)"),
    ("tuned, bands: [0.01, -0.02]", r" \(.*line 2\): .* try band -0\.02 .*at least 0"),
    (
        "tuned, bands: [0.01], to: [2.0]",
        r" \(.*line 2\): .* with to 2\.0 of it: to of Threshold is .*: destination 0\.02 lies",
    ),
    ("tuned, bands: [0.01, wide]", r"\.bands\.1: not a number .*found 'wide'"),
    (
        "calendar, schedule: 2.5",
        r"\.schedule: not one of its words .*found 2\.5\. .*or write a whole number, such as 10",
    ),
    ("calendar, schedule: 0", r" \(.*line 2\): Calendar: schedule is 0: a number of sessions is 1 to"),
    ("calendar, offset: 99", r" \(.*line 2\): Calendar: offset is 99: of every 'quarter'"),
    ("threshold, review_schedule: never", r"\.review_schedule: not one of its words .*found 'never'\. Use day"),
    ("threshold, cooldown: -1", r" \(.*line 2\): cooldown of Threshold is -1: give a whole number"),
    ("threshold, turnover_cap: 0", r" \(.*line 2\): turnover_cap of Threshold is 0\.0: give a fraction"),
    ("threshold, turnover_cap: 5%", r"\.turnover_cap: not a number \(.*\): found '5%'"),
    ("threshold, kind: percent", r"\.kind: not one of its words .*'percent'\. Use absolute, rel"),
    ("threshold, payer: cash", r" \(.*\): payer of Threshold is 'cash' where all assets move"),
    ("threshold, cap: 0.05", r" \(.*\): cap of Threshold is 0\.05 of an absolute band"),
    ("group_threshold, by: country", r"\.by: not one of its words .*'country'\. Use asset_class, s"),
    ("group_threshold, band: 5", r"\.band: a band is a fraction of NAV .*found 5\."),
    ("group_threshold, lines: -0.02", r" \(.*line 2\): lines of GroupThreshold is -0\.02: a half-width"),
    (
        "group_threshold, band: 0.0150, to: {half_width: 0.0175}",
        r" \(.*\): to of GroupThreshold is Within\(half_width=0\.0175\): destination 0\.0175 lies",
    ),
    ("tracking_error, limit: 0", r" \(.*line 2\): limit of TrackingError is 0\.0: give a finite number"),
    ("tracking_error, returns: 1", r" \(.*line 2\): returns of TrackingError is 1: give a whole number"),
    ("cost_benefit, horizon: -1", r" \(.*line 2\): horizon of CostBenefit is -1\.0: give a finite"),
    ("no_trade_region, schedule: fortnight", r"\.schedule: not one of its words .*found 'fortnight'\. Use day"),
    (
        "best_point, tracking_penalty: 0",
        r" \(.*line 2\): tracking_penalty of BestPoint is 0\.0: give a finite number above 0",
    ),
    ("best_point, band: 0.02", r"\.band: unknown key .*Use rule, allocation, fraction, .*, tracking_penalty, horizon"),
    ("learned, learner: ppo, ppo: {worlds: -1}", r"\.ppo: worlds of PPOSettings is -1: give a whole number"),
    ("tuned, bands: 0.01", r"\.bands: not a list .*found 0\.01\. Write its values in brackets"),
)
def test_wrong_policy_is_refused_at_its_key(read: Any, rule: str, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"policies\.mine{message}"):
        read(f"{{rule: {rule}}}")


@cases(
    "held, message",
    (
        "kind: exposure, exposure: 0.5, of: {kind: hrpp}",
        r"\.of\.kind: unknown kind \(.*line 2\): found 'hrpp'\. Did you mean 'hrp'\?",
    ),
    ("kind: exposure, exposure: 0.5, allocation: {kind: hrp}", r"\.allocation: unknown key .*Use kind, of, exposure"),
    ("kind: exposure", r"\.exposure: missing"),
    (
        "kind: volatility_target, volatility: 0, of: {kind: equal}",
        r" \(.*line 2\): volatility of VolatilityTarget is 0",
    ),
    ("kind: mean_variance, upper: {SPY: big}", r"\.upper\.SPY: not a number \(.*line 2\): found 'big'"),
    ("kind: mean_variance, upper: 30", r" \(.*\): upper of MeanVariance is 30.*: give a fraction of NAV"),
    ("kind: mean_variance, forecast: {covariance: ledoit}", r"\.forecast\.covariance: not one of its words .*'ledoit'"),
    ("kind: mean_variance, forecast: {kind: guess}", r"\.forecast\.kind: unknown kind .*'guess'\. Use estimated"),
    (
        "kind: regime_exposure, regimes: {line: SPY, means: [0, 0], deviations: [1, 2], "
        "transition: [[0.9, 0.1], [0.1, 0.9]], seen: soon}",
        r"\.regimes\.seen: not a date \(.*found 'soon'\. Write it as YYYY-MM-DD",
    ),
    (
        "kind: regime_exposure, regimes: {kind: markow, line: SPY}",
        r"\.regimes\.kind: unknown kind .*'markow'\. Did you mean 'markov'",
    ),
    (
        "kind: regime_exposure, regimes: {kind: jump, line: SPY, states: 1}",
        r"\.regimes .*states of JumpModel is 1: give a whole number from 2 to 6",
    ),
    ("kind: regime_exposure", r"\.regimes: missing"),
    ("window: 5", r"\.kind: missing .*Add `kind:`"),
    ("kind: hpr", r"\.kind: unknown kind .*found 'hpr'\. Did you mean 'hrp'\?"),
    ("kind: hrp, window: 252.5", r"\.window: not a whole number .*found 252\.5\. Write one"),
    (
        "kind: herc, clusters: elbow",
        r"\.clusters: not one of its words .*found 'elbow'\. Use gap, silhouette, or write a whole",
    ),
    (
        "kind: herc, constraints: {groups: {us: {where: {region: US}}}}",
        r"\.constraints\.groups\.us: it has neither `least` nor `most`: give one of them",
    ),
    ("kind: hrp, window: 1", r" \(.*\): window of HRP is 1"),
    ("kind: strategic, weights: [1]", r"\.weights: unknown key"),
)
def test_wrong_allocation_is_refused_at_its_key(read: Any, held: str, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"policies\.mine\.allocation{message}"):
        read(f"{{rule: never, allocation: {{{held}}}}}")


def test_setting_without_a_default_must_be_given(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Cautious:
        allocation: Any
        patience: int

    monkeypatch.setattr("research.portfolio.keys.policies.RULES", {**RULES, "cautious": Cautious})
    assert read("{rule: cautious, patience: 3}") == Cautious(STRATEGIC, 3)
    said = r"policies\.mine\.patience: missing \(.*line 2\): found None\. Add `patience:`"
    with pytest.raises(ConfigError, match=said):
        read("{rule: cautious}")


def _empty(tmp_path: Path) -> Path:
    path = tmp_path / "file.yaml"
    path.write_text("name: x\n")
    return path


@pytest.mark.parametrize("written", ["{rule: threshold, band: 3}", "{rule: tuned, bands: [0.01, 2]}"])
def test_a_band_written_in_points_is_refused(read: Any, written: str) -> None:
    said = r"policies\.mine\.bands?: a band is a fraction of NAV .*Two percentage points are 0\.02"
    with pytest.raises(ConfigError, match=said):
        read(written)


@cases(
    "policy, place",
    ({"rule": "regime_threshold", "regimes": {"kind": "markov", "line": "SPX"}}, "policies.mine.regimes"),
    (
        {"rule": "never", "allocation": {"kind": "regime_exposure", "regimes": {"kind": "jump", "line": "SPX"}}},
        "policies.mine.allocation.regimes",
    ),
)
def test_regimes_of_a_line_that_the_market_does_not_have_are_refused_with_their_place(
    policy: dict[str, Any], place: str
) -> None:
    with pytest.raises(ConfigError, match=rf"^{place} .*unknown asset 'SPX': the market has SPY"):
        load_portfolio("data/portfolios/global_multi_asset.yaml", {"policies.mine": policy})


def test_mistakes_of_all_policies_are_told_at_once_those_of_names_that_the_market_lacks_too() -> None:
    file, of_names = "data/portfolios/global_multi_asset.yaml", {"kind": "risk_parity", "budgets": {"SPX": 0.3}}
    named = {"policies.three": {"rule": "never", "allocation": of_names}}
    wrong: dict[str, Any] = {
        "one": {"rule": "never", "allocation": {"kind": "mean_variance", "objectiv": "utility", "upper": "much"}},
        "two": {"rule": "never", "allocation": {"kind": "risk_parity", "constraints": {"every_line": {"leas": 0.2}}}},
    }
    with pytest.raises(ConfigError) as error:
        load_portfolio(file, {f"policies.{name}": policy for name, policy in wrong.items()} | named)
    said = str(error.value).splitlines()
    assert len(said) == 4
    assert said[0].startswith("policies.one.allocation.objectiv: unknown key")
    assert said[1].startswith("policies.one.allocation.upper: not a number")
    assert "Did you mean 'least'? Use price, gives_way, least, most." in said[2]
    assert re.match(r"policies\.three\.allocation .*budgets of RiskParity: unknown asset 'SPX'", said[3])
