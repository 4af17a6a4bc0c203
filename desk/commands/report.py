"""The main job: a comparison, its tearsheet and its trade list, written into the folder of a run."""

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from backtests.comparison.comparison import Comparison, backtest_warnings, check_settings
from backtests.comparison.fitting.candidates import (
    Fitted,
    PlayedCandidates,
    backtest_candidate,
    benchmark_of,
    fit,
    with_comparator,
)
from backtests.comparison.fitting.trials import played_trials, tunings_of
from backtests.comparison.paired import expected_losses
from backtests.engine.result import Backtest
from backtests.evaluation.backtest_figures import backtest_text
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.scores import Score, score
from backtests.laboratory.learned.results import results_of
from backtests.laboratory.learned.saved import SHEET, write_results
from backtests.runs.folder import (
    FIGURES_FILE,
    MAIL,
    MANIFEST,
    MARKET_FILE,
    NUMBERS_FILE,
    RESULTS_FILE,
    SUMMARY_FILE,
    Run,
    check_whole,
    partial_of,
    reports_folder,
    staged,
    write_json,
)
from backtests.runs.manifest import sign
from backtests.runs.notebook import COMPARING, SET_BY_REPORT, execute_notebook
from backtests.runs.parameters import Plain, check_parameters, parse_parameters
from backtests.runs.report_settings import (
    FROM_FILE,
    FULL_RUN,
    comparison_key,
    is_told_by_settings,
    overrides_of,
    settings_of_report,
)
from backtests.runs.trial_book import count_trials
from backtests.runs.verify import kept_run
from backtests.sheets.pages.policy_card import write_card
from backtests.sheets.pages.single_sheet import candidate_sheet
from backtests.sheets.pages.tearsheet import write_tearsheet
from desk.commands.made import Made, age_text, file_fact, finish_run, run_for, write_summary
from desk.commands.orders.trades import TRADES, TRADES_JSON
from desk.tickets import make_ticket
from desk.tickets.formats import write_ticket
from foundation.dataclasses import asdict, dataclass
from foundation.errors import ConfigError, DataError
from foundation.files import ROOT, synced_later, write_whole, writing
from foundation.paper.formats import csv_text, plain_json
from foundation.paper.text_tables import warnings_text, wrapped
from foundation.paper.wording import counted
from foundation.progress import bar
from research.accounting import Hold, Policy, View, Why
from research.allocation import Allocation
from research.market import Market
from research.orders import TradeList, trade_list
from research.portfolio import Portfolio, load_portfolio
from research.rules import Rule, Threshold
from research.rules.protocol import RuleTraits

PROGRESS = ".progress"
TOUR = ROOT / "data" / "portfolios" / "sixty_forty.yaml"
REPORT_FILES = {
    COMPARING.name: "the executed notebook",
    "tearsheet.html": "the tearsheet",
    NUMBERS_FILE: "its numbers",
    MAIL: "its summary",
    TRADES: "the trade list",
    TRADES_JSON: "the trade list",
    RESULTS_FILE: "daily results",
    MARKET_FILE: "the returns that it was made from",
    MANIFEST: "settings, data, code and versions",
    SUMMARY_FILE: "the text of the terminal",
}


@dataclass(frozen=True)
class NoneRecommended(RuleTraits):
    """Replaces a policy if none is recommended: it holds, and gives the reason."""

    allocation: Allocation

    @property
    def opens(self) -> bool:
        """False: a portfolio that holds nothing stays in cash."""
        return False

    def decide(self, view: View) -> Hold:
        """Hold, always."""
        return Hold(Why("no policy is recommended"))


def trades_of(comparison: Comparison, run: str = "") -> TradeList:
    """Today's trade list of the recommended policy; where none is recommended, a list that holds and says why."""
    name, portfolio = comparison.recommendation.policy, comparison.portfolio
    policy: Rule = comparison.recommended or NoneRecommended(portfolio.strategic)
    return trade_list(portfolio, policy, name=name or "none recommended", run=Path(run).name)


def publish(comparison: Comparison, trades: TradeList, run: str) -> str:
    """Write a comparison and its trades into the folder of `run`; with "" nothing is written.

    run : path of the run's folder. Gives a sentence that says what was written.
    Raises : DataError when the comparison was made with other settings than the run was started for.
    """
    if not run:
        return "Nothing was written: `run` is empty."
    record = run_for("report", comparison.portfolio, comparison.settings)
    folder = partial_of(Path(run))
    if record.name != Path(run).name:
        raise DataError(
            f"`run` is {Path(run).name}, and this run is called {record.name}, after what it is made from: "
            "`rebalance report` gives `run` itself. Leave it empty in a notebook of your own. If the command gave it, "
            "settings, data or code changed in between: start it again."
        )
    with writing(folder), synced_later(folder), bar(None, "drawing the tearsheet") as progress:  # `staged` syncs it
        write_tearsheet(folder, comparison, trades, record)
        progress.stage("writing results")
        _write_results(comparison, trades, record, folder)
    return f"Written into {Path(run).name}."


def _write_results(comparison: Comparison, trades: TradeList, record: Run, folder: Path) -> None:
    """Everything but the tearsheet, the manifest last."""
    ticket = make_ticket(trades)
    write_ticket(ticket, folder / TRADES)
    write_ticket(ticket, folder / TRADES_JSON)
    write_whole(folder / RESULTS_FILE, parquet(results(comparison.backtests)))
    write_whole(folder / MARKET_FILE, parquet(returns(comparison.portfolio.market)))
    marks = {
        name: comparison.scores[name]["loss"]
        for name, f in comparison.fitted.items()
        if name == comparison.reference or f.tuned is not None
    }
    played, scores = comparison.seed_backtests, comparison.seed_scores
    save_learned(comparison.fitted, played, scores, comparison.benchmark, marks, folder, record.name)
    facts = {
        "recommendation": plain_json(asdict(comparison.recommendation), missing_as_null=True),
        "above_best": plain_json(asdict(comparison.above_best), missing_as_null=True),
        "trials": comparison.trials,
        "file": file_fact(comparison.portfolio),
        "comparison": comparison_key(comparison.portfolio),
        "holder": holder_facts(trades),
        **fit_records(comparison.fitted),
    }
    write_summary(folder, record, f"{comparison!r}\n\n{trades!r}", facts)


def holder_facts(trades: TradeList) -> dict[str, float | str]:
    """The NAV before a trade list, its largest drift, fraction of NAV, and its costs; amounts are in `basis`."""
    return {
        "nav": float(trades.facts["nav_before"]),
        "drift": trades.before_after.figures["before"].largest_drift,
        "charges": float(trades.sized.charges.sum()),
        "basis": trades.portfolio.basis,
    }


def save_learned(
    fitted: Mapping[str, Fitted],
    backtests: Mapping[str, Mapping[int, Backtest]],
    scores: Mapping[str, Mapping[int, Score]],
    benchmark: Benchmark,
    marks: Mapping[str, float],
    folder: Path,
    run: str,
) -> None:
    """Save the learned policies under `policies/<name>/`: every seed, its results in the test, and their page.

    fitted    : candidates by name.
    backtests : backtests by policy and seed.
    scores    : scores by policy and seed.
    benchmark : benchmark that measures them.
    marks     : J of other policies on the same days, bp a year.
    folder    : folder of the run.
    run       : name of the run.
    """
    for name, f in fitted.items():
        if f.training is not None:
            own = folder / "policies" / name
            f.training.save(own)
            played = backtests[name]
            losses = expected_losses(played, benchmark)
            write_results(own, plain_json(results_of(f.training, played, scores[name], losses, marks, run)))
            write_card(own)


def fit_records(fitted: Mapping[str, Fitted]) -> dict[str, Any]:
    """The results of fitting, for a manifest: settings of each fitted candidate, and the seeds of learned ones."""
    tuned = {name: f.tuned for name, f in fitted.items() if f.tuned is not None}
    learned = {name: f.training for name, f in fitted.items() if f.training is not None}
    return {
        "fitted": {
            name: {
                "band": cast(Threshold, t.policy).band,
                "within": cast(Threshold, t.policy).destination,
                "from": f"{t.card.first:%Y-%m-%d}",
                "seen": f"{t.card.seen:%Y-%m-%d}",
            }
            for name, t in tuned.items()
        }
        | {name: {"seed": t.chosen} for name, t in learned.items()},
        "seeds": {name: list(t.policies) for name, t in learned.items()},
        "reused": {name: t.reused for name, t in learned.items() if t.reused},  # seeds of an earlier training
        "notes": {name: list(f.notes) for name, f in fitted.items() if f.notes},
        "cards": {name: f"policies/{name}/{SHEET}" for name in learned},
    }


def parquet(table: pd.DataFrame) -> bytes:
    """The table as a Parquet file; numbers are split by byte, so that they take two thirds of the room."""
    numbers = [name for name, kind in table.dtypes.items() if kind.kind == "f"]
    others = [name for name in table if name not in numbers]
    return bytes(
        table.to_parquet(index=False, compression="zstd", use_dictionary=others, use_byte_stream_split=numbers)
    )


def returns(market: Market) -> pd.DataFrame:
    """A row a day: date, and the return of each asset and of cash since the close before, in single precision."""
    found = {"date": market.dates} | {
        f"return_{name}": each.astype(np.float32)
        for name, each in zip([*market.assets, "cash"], [*market.returns.T, market.cash], strict=True)
    }
    return pd.DataFrame(found)


def results(backtests: Mapping[str, Backtest]) -> pd.DataFrame:
    """A row a policy and close: nav, returns, cost, turnover, and the weight of each asset and of cash."""
    parts = []
    for name, b in backtests.items():
        daily = {
            "net_return": b.net_returns,
            "gross_return": b.gross_returns,
            "cost": b.cost_rate,
            "turnover": b.turnover,
        }
        frame = pd.DataFrame({"policy": name, "date": b.dates, "nav": b.ledger.nav})
        for column, values in daily.items():
            frame[column] = np.concatenate([[0.0], values])
        weights = b.weights.add_prefix("weight_").reset_index(drop=True)
        parts.append(pd.concat([frame, weights, b.cash_weight.rename("weight_cash").reset_index(drop=True)], axis=1))
    return pd.concat(parts, ignore_index=True)


@dataclass(frozen=True)
class AskedReport:
    """A report before it is made.

    final      : folder that it will have.
    parameters : parameters of the comparing notebook.
    run        : its identity.
    comparison : the comparison that it makes or shares, as `comparison_key` and the parameters tell it from others.
    trust_code : true if its portfolio file may name rules by import path.
    is_told    : true if its name tells it from every other report (`is_told_by_settings`).
    """

    final: Path
    parameters: Mapping[str, Plain]
    run: Run
    comparison: str
    trust_code: bool = False
    is_told: bool = False


def asked_parameters(notebook: Path, given: Sequence[str], set_by_command: Sequence[str]) -> dict[str, Plain]:
    """The parameters given to a notebook as name=value, checked.

    Raises : ConfigError as `parse_parameters` and `check_parameters` do, and for a parameter that the command sets.
    """
    asked = parse_parameters(notebook, given)
    for name in set_by_command:
        if name in asked:
            raise ConfigError(
                f"parameter {name} is set by the command itself: give the file as its argument, and --retrain to train "
                "anew."
            )
    check_parameters(notebook, asked)
    return asked


def ask_report(
    file: Path, given: Sequence[str] = (), reports: Path | None = None, trust_code: bool | None = None
) -> AskedReport:
    """The inputs of a report of a portfolio file, before a kernel starts; arguments and errors of `make_report`."""
    parameters = {**FULL_RUN, **asked_parameters(COMPARING, given, SET_BY_REPORT)}
    overrides = overrides_of(parameters)
    portfolio = load_portfolio(file, overrides, trust_code=trust_code)
    knobs = {name: cast(int, parameters[name]) for name in FULL_RUN}
    reference = str(parameters.get("reference", "")) or portfolio.reference
    check_settings(portfolio, list(portfolio.policies), reference, **knobs)
    run = run_for("report", portfolio, settings_of_report(portfolio, reference, **knobs))
    final = (reports or reports_folder(portfolio.file)) / run.name
    where: dict[str, str | Path] = {"portfolio": portfolio.file, "run": final}
    paths = {name: os.path.relpath(path, COMPARING.parent) for name, path in where.items()}
    parameters = {**knobs, "reference": reference, **FROM_FILE, **overrides, **paths}
    comparison, is_told = f"{comparison_key(portfolio)} {reference} {knobs}", is_told_by_settings(portfolio)
    return AskedReport(final, parameters, run, comparison, portfolio.trust_code, is_told)


def make_report(
    file: Path,
    given: Sequence[str] = (),
    reports: Path | None = None,
    retrain: bool = False,
    trust_code: bool | None = None,
) -> Made:
    """The report of a portfolio file: papermill executes the comparing notebook, into a run of its own.

    A run of the same settings, data and code that is there, with every file as it was made, is not made again, unless
    the portfolio depends on more than these (`is_told_by_settings`).

    file       : portfolio file.
    given      : parameters of the notebook as name=value.
    reports    : folder of the runs, or None for `reports_folder`.
    retrain    : true to make the run again, and train learned policies anew, even if the same training is kept.
    trust_code : true if the file may name rules by import path, as for `load_portfolio`.
    Raises     : ConfigError for a parameter that the command sets itself, and as `check_parameters` and
                 `check_settings` do; ConfigError and DataError as `load_portfolio` and `execute_notebook` do.
    """
    return kept_or_made(ask_report(file, given, reports, trust_code), retrain)


def kept_or_made(asked: AskedReport, retrain: bool = False) -> Made:
    """A report that was asked for: the run that is there, as `make_report` says, or else made now."""
    found = kept_run(asked.final) if asked.is_told and not retrain else None
    if found is None:
        return made_report(asked, retrain)
    said = f"Nothing was made: this run is there. --retrain makes it again.\n{found!r}"
    return Made(asked.final, f"{_said(asked.final)}\n{wrapped(said)}\n{asked.final}")


def made_report(asked: AskedReport, retrain: bool = False) -> Made:
    """A report that was asked for, made. Raises DataError as `execute_notebook` does."""
    final, started = asked.final, datetime.now(UTC)
    with writing(final), staged(final) as folder:
        chosen = {**asked.parameters, "retrain": retrain}
        execute_notebook(COMPARING, folder / COMPARING.name, chosen, folder / PROGRESS, asked.trust_code)
        (folder / PROGRESS).unlink(missing_ok=True)
        check_whole(folder, REPORT_FILES)
        sign(folder, started)
    manifest = json.loads((final / MANIFEST).read_bytes())
    return Made(final, f"{_said(final, _fitting_text(manifest))}\n{final}")


def _said(run: Path, fitting: str = "") -> str:
    """The text of a report, and how old its prices are today. fitting : said between the two."""
    last = date.fromisoformat(json.loads((run / MANIFEST).read_bytes())["last_day"])
    text = (run / SUMMARY_FILE).read_text(encoding="utf-8")
    return f"{text}{fitting}{age_text(last, datetime.now(UTC).date(), 'the trades are those')}"


def tour_text(folder: Path) -> str:
    """The verdict of a report and its orders, where to look, and what to do next. folder : of a run."""
    blocks = (folder / SUMMARY_FILE).read_text(encoding="utf-8").split("\n\n")
    verdict = next(n for n, block in enumerate(blocks) if re.search(r", tested \d{4}-", block))
    last = json.loads((folder / MANIFEST).read_bytes())["last_day"]
    orders = json.loads((folder / NUMBERS_FILE).read_bytes())["trades"]["said"]
    return "\n\n".join(
        [
            *blocks[verdict : verdict + 3],
            wrapped(f"At the closes of {last}: {orders}"),
            f"Look next, in a browser, at the verdict first and then at the trades:\n  {folder / 'tearsheet.html'}",
            "Then take your own portfolio, with prices from Yahoo:\n"
            "  rebalance new my.yaml SPY=60 AGG=40 --nav 1000000\n"
            "  rebalance data fetch my.yaml\n  rebalance report my.yaml",
        ]
    )


def scored_backtest(portfolio: Portfolio, policy: Policy, name: str) -> tuple[Backtest, Benchmark, Score]:
    """One policy of a portfolio played through its test, its benchmark, and its figures by it.

    policy : ready to decide.
    name   : its name in the file.
    """
    played = backtest_candidate(portfolio, policy, name)
    benchmark = with_comparator(portfolio, benchmark_of(portfolio, portfolio.market), {name: played})
    return played, benchmark, score(played, benchmark)


def _fitting_text(facts: Mapping[str, Any]) -> str:
    """A line for each note on how a policy was fitted. facts : those of `fit_records`."""
    lines = [f"{name}: {note}" for name, notes in facts["notes"].items() for note in notes]
    lines += [
        f"{name}: {counted(seeds, 'seed')} of an earlier training with the same settings, data and code; --retrain "
        "trains anew."
        for name, seeds in facts["reused"].items()
    ]
    return "".join(f"\n{line}" for line in lines) + "\n" * bool(lines)


def make_backtest(
    file: Path,
    policy: str,
    reports: Path | None = None,
    fit: Callable[[str, Portfolio, Any], Fitted] = fit,
    sheet: bool = False,
    trust_code: bool | None = None,
) -> Made:
    """Play one policy of a portfolio file through its test, into a run of its own.

    file       : portfolio file.
    policy     : name of one of its policies.
    reports    : folder of the runs, or None for `reports_folder`.
    fit        : fits it: a function of its name, the portfolio and a callback that is told the step.
    sheet      : true to write its own tearsheet too; that run has a name of its own.
    trust_code : true if the file may name rules by import path, as for `load_portfolio`.
    Raises     : ConfigError for a policy that is not in the file; ConfigError and DataError as `load_portfolio` and
                 `fit` do.
    """
    with bar(None, "reading prices"):
        portfolio = load_portfolio(file, trust_code=trust_code)
    portfolio.check_policy(policy)
    started = datetime.now(UTC)
    settings = {"portfolio": portfolio.settings, "policy": policy, **({"sheet": True} if sheet else {})}
    run = run_for("backtest", portfolio, settings)
    final = (reports or reports_folder(portfolio.file)) / run.name
    with writing(final), staged(final) as folder, bar(None, f"fitting {policy}") as progress:
        fitted = fit(policy, portfolio, progress.stage)
        progress.stage(f"backtesting {policy}", 0, 0)
        played, benchmark, scored = scored_backtest(portfolio, fitted.policy, policy)
        progress.stage("writing results")
        alone = PlayedCandidates(portfolio, benchmark, {policy: fitted}, {policy: played}, {policy: scored}, {}, {}, {})
        tried = played_trials(alone)
        count_trials([tried, *tunings_of([fitted])], run.name)
        write_whole(folder / RESULTS_FILE, parquet(results({policy: played})))
        write_whole(folder / MARKET_FILE, parquet(returns(portfolio.market)))
        write_whole(folder / "booked.csv", csv_text(played.trades()))
        write_json(folder / FIGURES_FILE, plain_json(scored.figures(played.dates)))
        if fitted.training is not None:
            seed = fitted.training.chosen
            by_seed = {policy: {seed: played}}, {policy: {seed: scored}}
            save_learned({policy: fitted}, *by_seed, benchmark, {}, folder, run.name)
        facts = {"trials": fitted.tried, "file": file_fact(portfolio), **fit_records({policy: fitted})}
        warnings = backtest_warnings(portfolio, {policy: fitted}, {policy: played})
        text = f"{backtest_text(played, scored)}{warnings_text(warnings)}"
        if sheet:
            progress.stage("drawing the sheet")
            candidate_sheet(portfolio, played, benchmark, warnings, settings).write(folder, run)
        finish_run(folder, run, started, text, facts)
    return Made(final, f"{text}\n{_fitting_text(facts)}\n{final}")
