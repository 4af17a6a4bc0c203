"""Forecasts in a portfolio file: priors and views at any depth, written back as they are read."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from cases import cases

from foundation.errors import ConfigError
from research import forecast as forecasting
from research.allocation import FixedWeights, MeanVariance, target_path
from research.portfolio import load_portfolio
from research.portfolio.file.document import read_document
from research.portfolio.keys.allocations import FORECASTS, MODELS, allocation_settings, read_allocation

FILE = Path(__file__).parents[4] / "data" / "portfolios" / "sixty_forty.yaml"
STRATEGIC = FixedWeights((0.6, 0.4))  # as a file gives it, in the order of its lines
VIEW = forecasting.InvestorView("SPY beats AGG by 4% a year", 0.6)
WRITTEN = "{view: SPY beats AGG by 4% a year, confidence: 60%}"
EXAMPLES: dict[str, forecasting.Forecast] = {
    "{}": forecasting.Estimated(),
    "estimated": forecasting.Estimated(),
    "{kind: estimated, covariance: oas}": forecasting.Estimated(covariance="oas"),
    "market_cap": forecasting.MarketCap(),
    "{kind: market_cap, risk_aversion: 3, of: {covariance: oas}}": forecasting.MarketCap(
        forecasting.Estimated(covariance="oas"), 3.0
    ),
    "benchmark": forecasting.Benchmark({"SPY": 0.6, "AGG": 0.4}),
    "{kind: benchmark, weights: {SPY: 1}, of: {window: 126}}": forecasting.Benchmark(
        {"SPY": 1.0}, forecasting.Estimated(window=126)
    ),
    f"{{kind: black_litterman, prior: benchmark, tau: 0.02, views: [{WRITTEN}]}}": forecasting.BlackLitterman(
        (VIEW,), forecasting.Benchmark({"SPY": 0.6, "AGG": 0.4}), 0.02, 252.0
    ),
    "{kind: black_litterman, views: [{view: SPY returns 7% a year, uncertainty: 3%}]}": forecasting.BlackLitterman(
        (forecasting.InvestorView("SPY returns 7% a year", uncertainty=0.03),), periods_per_year=252.0
    ),
    "signals": forecasting.SignalBlend(),
    "{kind: signals, momentum: [63], reversion: [[5, 63]], averages: []}": forecasting.SignalBlend(
        momentum=(63,), reversion=((5, 63),), averages=()
    ),
    "{kind: factor_model, window: 126}": forecasting.FactorModel(window=126),  # of the file's factors
    "{kind: refitted, model: garch}": forecasting.Refitted(forecasting.GarchVolatility()),
    "{kind: refitted, schedule: month, model: {kind: garch, leverage: true}}": forecasting.Refitted(
        forecasting.GarchVolatility(leverage=True), "month"
    ),
    "har": forecasting.Refitted(forecasting.HARVolatility()),
    "{kind: har, horizon: 5, schedule: quarter}": forecasting.Refitted(forecasting.HARVolatility(horizon=5), "quarter"),
    "{kind: ewma, half_life: 11, correlations: ewma}": forecasting.EWMAVolatility(11.0, correlations="ewma"),
    "ewma": forecasting.EWMAVolatility(),
    "network": forecasting.Refitted(forecasting.Network()),
    "{kind: network, architecture: tft, every: 1, levels: [0.1, 0.5, 0.9], facts: [carry], schedule: quarter}": (
        forecasting.Refitted(forecasting.Network("tft", 1, levels=(0.1, 0.5, 0.9), facts=("carry",)), "quarter")
    ),
    "{kind: refitted, model: boosted}": forecasting.Refitted(forecasting.Boosted()),
    "{kind: refitted, schedule: quarter, model: {kind: boosted, library: xgboost, monotone: {carry_252: 1}}}": (
        forecasting.Refitted(forecasting.Boosted("xgboost", monotone={"carry_252": 1}), "quarter")
    ),
}


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def forecast(written: str) -> forecasting.Forecast:
        path = tmp_path / "file.yaml"
        path.write_text(
            "lines: {SPY: {target: 0.6}, AGG: {target: 0.4}}\n"
            f"mine:\n  kind: mean_variance\n  forecast: {written}\nfactors: factors.csv\n"
        )
        allocation = read_allocation(read_document(path), ("mine",), STRATEGIC, {"periods_per_year": 252.0})
        assert isinstance(allocation, MeanVariance)
        return allocation.forecast

    return forecast


@pytest.mark.parametrize("written", [text for text in EXAMPLES if text != "{}"])
def test_a_written_forecast_is_the_object(read: Any, written: str) -> None:
    assert read(written) == EXAMPLES[written]


@pytest.mark.parametrize("forecast", EXAMPLES.values(), ids=list(EXAMPLES))
def test_settings_of_a_forecast_are_read_back(read: Any, forecast: forecasting.Forecast) -> None:
    settings = allocation_settings(MeanVariance(forecast=forecast))["forecast"]
    assert read(yaml.safe_dump(settings, default_flow_style=True, width=10_000).strip()) == forecast


def test_every_kind_has_an_example() -> None:
    assert {type(forecast) for forecast in EXAMPLES.values()} == set(FORECASTS.values())
    models = {type(forecast.model) for forecast in EXAMPLES.values() if isinstance(forecast, forecasting.Refitted)}
    assert models == set(MODELS.values())


def test_periods_a_year_of_the_file_are_those_of_its_views() -> None:
    forecast = {"kind": "black_litterman", "prior": "benchmark"}
    policy = {"rule": "never", "allocation": {"kind": "mean_variance", "forecast": forecast}}
    portfolio = load_portfolio(FILE, {"policies.mine": policy})
    held = portfolio.policies["mine"].allocation.forecast
    assert held.periods_per_year == portfolio.periods_per_year
    assert dict(held.prior.weights) == {"SPY": 0.6, "AGG": 0.4}


@cases(
    "written, message",
    ("guess", r": unknown forecast \(.*line 4\): found 'guess'\. Use estimated, market_cap"),
    ("{kind: black_litterman, view: []}", r"\.view: unknown key .*Did you mean 'views'"),
    ("{kind: black_litterman, priors: x}", r"\.priors: unknown key .*Did you mean 'prior'"),
    ("{kind: black_litterman, prior: cap}", r"\.prior: unknown prior .*found 'cap'"),
    ("{kind: black_litterman, tau: -1}", r" \(.*line 4\): tau of BlackLitterman is -1"),
    ("{kind: black_litterman, views: [{view: SPY gains 4% a year}]}", r"\.views\.0.*\(.*line 4\): found .*"),
    (
        "{kind: black_litterman, views: [{view: SPY returns 4% a year, confidence: 60}]}",
        r"\.views.*: confidence of view 'SPY returns 4% a year' is 60.*60 per cent is written 60%",
    ),
    ("{kind: black_litterman, views: [SPY returns 4% a year]}", r"\.views\.0: not a mapping"),
    ("refitted", ": not a mapping .*Write `model:` below it"),
    ("forecast_views", r": no forecast any more .*Write `allocation: \{kind: tilted"),
    ("{kind: forecast_views, forecast: har}", r"\.kind: no forecast any more"),
    ("opinion_pooling", r": unknown forecast .*found 'opinion_pooling'\. Use estimated, market_cap"),
    ("{kind: refitted}", r"\.model: missing"),
    ("{kind: refitted, model: hat}", r"\.model: unknown model .*Did you mean 'har'"),
    ("{kind: refitted, model: {window: 800}}", r"\.model\.kind: missing"),
    ("{kind: har, horizon: 0}", r" \(.*line 4\): horizon of HARVolatility is 0"),
    ("{kind: har, schedule: yearly}", r"\.schedule: not one of its words"),
    ("{kind: har, leverage: true}", r"\.leverage: unknown key"),
    ("{kind: refitted, model: bosted}", r"\.model: unknown model .*Did you mean 'boosted'"),
    ("{kind: refitted, model: {kind: boosted, monotone: {carry_252: 2}}}", r"\.model\.monotone\.carry_252.*found 2"),
    (
        "{kind: refitted, model: {kind: boosted, window: 400}}",
        r"\.model \(.*line 4\): window of Boosted is 400: a horizon of 21 needs 438",
    ),
)
def test_what_is_wrong_is_said_with_its_place(read: Any, written: str, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"mine\.forecast{message}"):
        read(written)


def test_a_view_about_an_unknown_line_is_refused_with_its_place_before_anything_is_computed() -> None:
    views = [{"view": "SPX beats AGG by 4% a year", "confidence": 0.6}]
    forecast = {"kind": "black_litterman", "prior": "benchmark", "views": views}
    policy = {"rule": "never", "allocation": {"kind": "mean_variance", "forecast": forecast}}
    message = r"mine\.allocation\.forecast \(given beside .*\): view 'SPX beats .* is called 'SPX'\. Did you mean 'SPY'"
    with pytest.raises(ConfigError, match=message):
        load_portfolio(FILE, {"policies.mine": policy})


@cases(
    "forecast, message",
    (
        {"kind": "black_litterman", "prior": {"kind": "benchmark", "weights": {"SPX": 1.0}}},
        r"forecast\.prior \(.*\): the benchmark holds 'SPX'",
    ),
    (
        {"kind": "black_litterman", "prior": "benchmark", "views": [{"view": "bond returns 1% a year"}]},
        r"forecast \(.*\): view 'bond returns 1% a year': no asset .*Did you mean 'bonds'",
    ),
    (
        {"kind": "black_litterman", "views": [{"view": "cap-weighted bonds returns 1% a year"}]},
        r"forecast \(.*\): weights by market capitalisation need the fact 'market_cap' of AGG",
    ),
)
def test_what_the_market_does_not_have_is_named_with_its_place(forecast: Any, message: str) -> None:
    policy = {"rule": "never", "allocation": {"kind": "mean_variance", "forecast": forecast}}
    scaled = {"rule": "never", "allocation": {"kind": "exposure", "exposure": 0.5, "of": policy["allocation"]}}
    for one in (policy, scaled):
        with pytest.raises(ConfigError, match=message):
            load_portfolio(FILE, {"policies.mine": one})


def test_views_are_held_through_a_backtest_with_its_notes() -> None:
    views = [{"view": "SPY beats AGG by 2% a year", "confidence": "70%"}]
    forecast = {"kind": "black_litterman", "prior": "benchmark", "views": views}
    policy = {"rule": "never", "allocation": {"kind": "mean_variance", "schedule": "year", "forecast": forecast}}
    portfolio = load_portfolio(FILE, {"policies.mine": policy})
    path = target_path(portfolio.policies["mine"].allocation, portfolio.market, start=2000)
    assert path.rows.sum(axis=1) == pytest.approx(1.0, abs=1e-9)
    assert path.rows.min() >= 0.0


def test_a_forecast_that_states_no_horizon_has_that_of_the_file() -> None:
    """One of a month would be divided by four: as if volatility did not come back to its mean."""
    models = {
        "har": "har",
        "signals": {"kind": "signals"},
        "garch": {"kind": "refitted", "model": "garch"},
        "own": {"kind": "har", "horizon": 21},
    }
    found = load_portfolio(FILE, {"forecasts": {"horizon": 5, "models": models}}).forecasts.models
    assert found == {
        "har": forecasting.Refitted(forecasting.HARVolatility(horizon=5)),
        "signals": forecasting.SignalBlend(5),
        "garch": forecasting.Refitted(forecasting.GarchVolatility(horizon=5)),
        "own": forecasting.Refitted(forecasting.HARVolatility(horizon=21)),
    }
    for boosted in ("boosted", {"kind": "boosted"}):
        said = r"forecasts\.models\.b .*: window of Boosted is 756: a horizon of 126 needs"
        with pytest.raises(ConfigError, match=said):
            load_portfolio(FILE, {"forecasts": {"horizon": 126, "models": {"b": boosted}}})
