"""Every file operation of every command that writes is a point at which it is killed: nothing is lost, nothing is torn.

Each job is the real one; what it computes besides is kept from an uninterrupted run, so that only the writing is done
again. `faults.points` makes what a kill at each point leaves. There a reader finds what stood there before or what was
written, whole; started again, the job ends with the bytes of the uninterrupted run, and leaves nothing else.
`test_kill_points.py` runs this in a process of its own, since forks of a large one are slow.
"""

import json
import os
import shutil
from collections.abc import Callable, Hashable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest
from faults import contents, points, without_drafts

from backtests.comparison.comparison import Comparison, compare
from backtests.laboratory.learned import optimality_gap
from backtests.laboratory.learned.saved import CARD_RESULTS, read_saved_policies
from backtests.runs import folder as runs
from backtests.runs import manifest as signing
from backtests.runs import verify as verifying
from backtests.runs.folder import MANIFEST
from backtests.runs.manifest import past_runs
from backtests.runs.verify import verify
from backtests.sheets.pages import policy_card, tearsheet
from backtests.sheets.pages.sweep import SweepSheet
from backtests.studies.real_markets import Budget, Study
from backtests.sweeps import plan
from backtests.sweeps import run as sweeping
from desk.commands import report as reporting
from desk.commands import sweep
from desk.commands.batch import make as batch
from desk.commands.batch.plan import Job as BatchJob
from desk.commands.batch.run import Outcome, failed
from desk.commands.orders import account_parts, accounts
from desk.tickets import make_ticket
from desk.tickets.accounts import Model
from desk.tickets.formats import FORMATS, write_ticket
from foundation.errors import DataError
from foundation.paper import files
from research.accounting import Costs
from research.learning import LearnedPolicy, Training, train, training
from research.orders import TradeList, trade_list
from research.portfolio import load_portfolio
from research.rules import Calendar, Threshold

FILE = Path(__file__).parents[2] / "data" / "portfolios" / "sixty_forty.yaml"
SMALL = {"population": 8, "elite": 3, "worlds": 16, "decisions": 52}  # a generation
LEARNED = {"rule": "learned", "steps": 13_000, "seeds": [1, 2], "learner": "cross_entropy", "cross_entropy": SMALL}
Job = Callable[[], object]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions of the code and of libraries, trials counted elsewhere, and waiting for the disk take longest."""
    monkeypatch.setattr(signing, "code_on_disk", lambda: "code")
    for module in (runs, signing, verifying):
        monkeypatch.setattr(module, "code_version", lambda: "code")
    for module in (runs, verifying):
        monkeypatch.setattr(module, "surroundings", once(runs.surroundings))
    monkeypatch.setattr(os, "fsync", lambda _: None)
    for module in (reporting, sweep):
        monkeypatch.setattr(module, "count_trials", once(module.count_trials))  # in a book that stands elsewhere
    monkeypatch.setattr(optimality_gap, "gap_of", partial(optimality_gap.gap_of, paths=10))


def names(*given: Any, **_: Any) -> Hashable:
    return tuple(value for value in given if isinstance(value, str | Path | int))


def once(function: Callable[..., Any], key: Callable[..., Hashable] = names) -> Callable[..., Any]:
    """A pure function, each of whose results is computed once; which one is wanted `key` says from the arguments."""
    kept: dict[Hashable, tuple[Any, Any]] = {}

    def call(*given: Any, **named: Any) -> Any:
        found = key(*given, **named)
        if found not in kept:
            kept[found] = function(*given, **named), given  # which are kept too, so that no other gets their identity
        return kept[found][0]

    return call


# -- killing ---------------------------------------------------------------------------------------------------------


def killed_everywhere(
    job: Job, start: Path, folder: Path, look: Callable[[Path], object], known: str = "nothing"
) -> int:
    """Kill a job at each of its points, look at what it left, and start it again; gives the number of points.

    known : part of the names of files from whose states it was started again before.
    """
    shutil.copytree(start, folder)
    job()
    wanted, before, count = timeless(folder), dict[str, Any](), 0
    for at in points(job, start, folder, folder.with_name(f"{folder.name} after kills of {start.name}")):
        look(folder)
        count += 1
        left = {name: content for name, content in without_drafts(folder).items() if known not in name}
        if left == before:
            continue  # as at the point before, from which it was started again
        before = left
        job()
        assert timeless(folder) == wanted, f"killed at operation {at}"
    print(f"{count} points", flush=True)
    return count


def timeless(folder: Path) -> dict[str, bytes | None]:
    """What a folder holds, but for when manifests were made."""
    found = contents(folder)
    for name, content in found.items():
        if content and Path(name).name == MANIFEST:
            manifest = json.loads(content)
            found[name] = json.dumps({k: v for k, v in manifest.items() if k not in ("times", "sha256")}).encode()
    return found


def of_runs(job: Job, folder: Path, kind: str) -> int:
    """Kill the making of a run everywhere: where there is none, and where the same run stands already."""
    reports, count = folder / "reports", 0
    for there in (0, 1):
        start = folder / f"with {there}"
        reports.rename(start) if there else start.mkdir()
        known = (
            ".partial/" if there else "nothing"
        )  # what is in a hidden folder does not depend on what stands beside it
        count += killed_everywhere(job, start, reports, partial(whole_runs, kind=kind, at_least=there), known)
    return count


def whole_runs(reports: Path, kind: str, at_least: int) -> None:
    """Readers see whole runs only, and one where there was one."""
    found = past_runs(reports, kind)
    assert found.broken == []
    assert at_least <= len(found.whole) <= 1
    for folder, _ in found.whole:
        assert verify(folder).changed == ()


# -- jobs ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def portfolio() -> Any:
    return load_portfolio(FILE, {"policies.rl": LEARNED, "test_start": "2020-01-02"})


@pytest.fixture(scope="module")
def compared(portfolio: Any, few_simulated_tests: None) -> Comparison:
    return compare(portfolio, draws=100, only=["quarterly", "threshold", "tuned", "rl"])


@pytest.fixture(scope="module")
def trained(compared: Comparison) -> Training:
    return cast(Training, compared.fitted["rl"].training)


def test_a_report(compared: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The notebook's part is done here, by the functions that the notebook calls."""
    trades = reporting.trades_of(compared)
    monkeypatch.setattr(reporting, "load_portfolio", lambda *_, **__: compared.portfolio)
    monkeypatch.setattr(reporting, "settings_of_report", lambda *_, **__: compared.settings)
    every = tearsheet.pictures  # each is written as the others are
    monkeypatch.setattr(tearsheet, "pictures", lambda sheet: every(sheet)[:1])
    monkeypatch.setattr(tearsheet, "SECTIONS", tearsheet.SECTIONS[:1])  # all are in one file
    monkeypatch.setattr(Comparison, "__repr__", once(Comparison.__repr__))
    monkeypatch.setattr(TradeList, "__repr__", once(TradeList.__repr__))
    monkeypatch.setattr(pd.DataFrame, "to_parquet", once(pd.DataFrame.to_parquet, lambda table, **_: id(table)))
    for name in ("csv_text", "svg_file"):
        monkeypatch.setattr(files, name, once(getattr(files, name), id))
    for ending in (".csv", ".json"):
        found = FORMATS[ending]
        monkeypatch.setitem(FORMATS, ending, found._replace(write=once(found.write)))
    for module, functions in {
        tearsheet: ("whole_sheet", "pictures", "sheet_numbers", "json_text", "render", "summary_markdown"),
        policy_card: ("with_optimality_gaps", "policy_html"),
        reporting: ("expected_losses", "results", "results_of", "make_ticket"),
    }.items():
        for name in functions:
            monkeypatch.setattr(module, name, once(getattr(module, name)))

    def execute(notebook: Path, output: Path, parameters: Mapping[str, Any], progress: Path, _: bool) -> None:
        progress.write_text("[]")
        reporting.publish(compared, trades, str(notebook.parent / str(parameters["run"])))
        output.write_text("{}")

    monkeypatch.setattr(reporting, "execute_notebook", execute)
    monkeypatch.setattr(reporting, "synced_later", nullcontext)  # each file that is written is a point of its own
    made = partial(reporting.make_report, FILE, ["draws=200"], tmp_path / "reports", retrain=True)
    assert of_runs(made, tmp_path, "report") >= 340


def test_a_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over an earlier one of the name, with a failure of its own; the runs are there, and kept as they were."""
    runs_of = [
        Outcome("desk", (f"draws={draws}",), f"desk-{draws}", "made", policy, "Use it.", growth=0.05, orders=1)
        for draws, policy in ((200, "tuned"), (300, "never"))
    ]
    wrong = failed(BatchJob(Path("absent.yaml"), ()), "absent-1", DataError("no file"), 0.0)
    monkeypatch.setattr(pd.DataFrame, "to_parquet", once(pd.DataFrame.to_parquet, lambda table, **_: len(table)))
    start, folder, pages = tmp_path / "start", tmp_path / "reports", set[bytes]()

    def write(rows: list[Outcome], into: Path) -> None:
        with runs.staged(into / "nightly") as place:
            batch.write_batch(place, "nightly", "compare_policies", rows)

    def look(left: Path) -> None:
        (found,) = runs.run_folders(left)
        table = pd.read_parquet(found / batch.TABLE)
        assert (found / batch.INDEX).read_bytes() in pages
        assert len(table) in (2, 3)
        assert (found / batch.FAILURES).exists() == (len(table) == 3)

    whole = [*runs_of, wrong]
    for rows in (runs_of, whole):
        write(rows, tmp_path / "aside")
        pages.add((tmp_path / "aside" / "nightly" / batch.INDEX).read_bytes())
    write(runs_of, start)
    assert killed_everywhere(partial(write, whole, folder), start, folder, look) >= 20


def test_a_backtest(compared: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a learned policy, with its card."""
    monkeypatch.setattr(reporting, "load_portfolio", lambda *_, **__: compared.portfolio)
    monkeypatch.setattr(reporting, "fit", lambda name, *_, **__: compared.fitted[name])
    for module, functions in {
        policy_card: ("with_optimality_gaps", "policy_html"),
        reporting: (
            "backtest_candidate",
            "score",
            "expected_losses",
            "results",
            "results_of",
            "benchmark_of",
            "backtest_text",
            "csv_text",
        ),
    }.items():
        for name in functions:
            monkeypatch.setattr(module, name, once(getattr(module, name)))
    made = partial(reporting.make_backtest, FILE, "rl", tmp_path / "reports")
    assert of_runs(made, tmp_path, "backtest") >= 190


@pytest.mark.usefixtures("few_simulated_tests")
def test_a_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Finished chunks are kept over a kill."""
    file, bands = tmp_path / "bands.yaml", ", ".join(str(k / 1000) for k in range(1, 17))
    file.write_text(f"portfolio: {FILE}\nrules: {{threshold: {{band: [{bands}]}}}}\ncost_multiples: [1, 2]\n")
    monkeypatch.setattr(plan, "BLOCK_CONFIGURATIONS", 8)  # so that a small sweep has several chunks
    for name in ("read_sweep", "prepare", "sweep_text", "_sheet", "kept_numbers", "paths"):
        monkeypatch.setattr(sweep, name, once(getattr(sweep, name)))
    for name in ("rows", "run_part"):
        monkeypatch.setattr(sweeping, name, once(getattr(sweeping, name), lambda _, part, *__: part))
    every = SweepSheet.pictures.fget  # each is written as the others are
    assert every is not None
    monkeypatch.setattr(SweepSheet, "pictures", property(once(lambda sheet: every(sheet)[:1], id)))
    monkeypatch.setattr(SweepSheet, "page", property(once(SweepSheet.page.fget, id)))
    for name in ("csv_text", "svg_file"):
        monkeypatch.setattr(files, name, once(getattr(files, name), id))
    assert of_runs(partial(sweep.make_sweep, file, reports=tmp_path / "reports"), tmp_path, "sweep") >= 190


def test_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a study of one of its cases, whose table and record stay together."""
    studying, running = (  # whose names in their room are those of functions
        import_module(f"backtests.studies.real_markets.{name}") for name in ("study", "run_case")
    )
    monkeypatch.setattr(running, "FAMILY_CHOICES", {})  # the rows of other rules are written as theirs are
    budget, cases = Budget(steps={}), ("funds-2-2013", "stocks-2-1995")
    for name in ("run_case", "case_origin"):
        monkeypatch.setattr(studying, name, once(getattr(studying, name), lambda one, *_: one.name))
    start, folder = tmp_path / "start", tmp_path / "study"
    studying.run(cases[:1], start, budget)

    def look(found: Path) -> None:
        assert sorted(set(Study.load(found).table["case"])) in ([cases[0]], sorted(cases))

    assert killed_everywhere(partial(studying.run, cases, folder, budget), start, folder, look) >= 18


def test_a_training_of_seeds(trained: Training, tmp_path: Path) -> None:
    """Saved over policies of the same seeds."""
    other = Training({1: trained.policies[2], 2: trained.policies[1]}, trained.losses, 1.0, 2.0)
    other.save(tmp_path / "start" / "rl")

    def look(left: Path) -> None:
        for seed in trained.policies:
            assert LearnedPolicy.load(left / "rl" / f"seed-{seed}").card["seed"] in trained.policies

    folder = tmp_path / "policies"
    assert killed_everywhere(partial(trained.save, folder / "rl"), tmp_path / "start", folder, look) >= 24


def test_a_policy_card(trained: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn again, over the page of an earlier version."""
    trained.save(tmp_path / "start" / "rl")
    policy_card.write_card(tmp_path / "start" / "rl")
    (tmp_path / "start" / "rl" / "card.html").write_text("an earlier page")
    for name in ("with_optimality_gaps", "policy_html"):
        monkeypatch.setattr(policy_card, name, once(getattr(policy_card, name)))
    page, folder = policy_card.policy_html("rl", read_saved_policies(tmp_path / "start" / "rl")), tmp_path / "policies"

    def look(left: Path) -> None:
        assert (left / "rl" / "card.html").read_text() in ("an earlier page", page)
        assert "optimum" in read_saved_policies(left / "rl").results
        assert (left / "rl" / CARD_RESULTS).exists()

    job = partial(policy_card.write_card, folder / "rl")
    assert killed_everywhere(job, tmp_path / "start", folder, look) >= 10


def test_a_trade_list(portfolio: Any, tmp_path: Path) -> None:
    """Over a list of another policy, as CSV and as JSON."""
    strategic = portfolio.strategic
    lists = [trade_list(portfolio, rule) for rule in (Calendar(strategic, "year"), Threshold(strategic, 0.001))]
    start, folder, whole = tmp_path / "start", tmp_path / "lists", set()
    start.mkdir()

    def write(which: int, into: Path) -> None:
        whole.add(write_ticket(make_ticket(lists[which]), into / "t.csv").read_bytes())
        whole.add(write_ticket(make_ticket(lists[which]), into / "t.json").read_bytes())

    def look(left: Path) -> None:
        assert {(left / name).read_bytes() for name in ("t.csv", "t.json")} <= whole

    write(0, start)
    assert killed_everywhere(partial(write, 1, folder), start, folder, look) >= 10
    assert len(whole) == 4


def test_lists_of_accounts(portfolio: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the lists of other accounts; each of the two files is whole, and the row of each account is there first."""
    files = [tmp_path / f"{which}.csv" for which in range(2)]
    for which, file in enumerate(files):
        rows = [f"A{which}{k:03d},{FILE},{1_000 * which + k},{k},{100 - k}" for k in range(4)]
        file.write_text("\n".join(["account,model,cash,SPY,AGG", *rows]))
    model = Model.of(portfolio, Threshold(portfolio.strategic, 0.02), "band")
    monkeypatch.setattr(account_parts.AccountSolver, "model", lambda *_: model)
    monkeypatch.setattr(account_parts, "FIRST_TASK", 2)  # so that a few accounts are written in several parts
    start, folder, whole = tmp_path / "start", tmp_path / "lists", list[dict[str, bytes | None]]()
    start.mkdir()
    accounts.list_accounts(files[0], start / "o.csv")
    whole.append(contents(start))
    accounts.list_accounts(files[1], tmp_path / "o.csv")
    whole.append({name: (tmp_path / name).read_bytes() for name in whole[0]})

    def look(left: Path) -> None:
        found = {name: (left / name).read_bytes() for name in whole[0]}
        assert found in (*whole, {**whole[0], "o.accounts.csv": whole[1]["o.accounts.csv"]})

    job = partial(accounts.list_accounts, files[1], folder / "o.csv")
    assert killed_everywhere(job, start, folder, look) >= 10


def test_a_training_with_checkpoints(portfolio: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on from its last whole checkpoint, and ends with the same bits."""
    spec, market = replace(portfolio.policies["rl"], seeds=(1,)), portfolio.market.select(["SPY", "AGG"])
    folder = tmp_path / "policies"
    for name in ("training_days", "evaluate_targets", "measure_scaling", "card"):
        monkeypatch.setattr(training, name, once(getattr(training, name)))
    described = once(training.features_of, lambda _, net, *__: tuple(layer.tobytes() for layer in net))
    monkeypatch.setattr(training, "features_of", described)

    def job() -> None:
        train(spec, market, Costs.bps(2), 5.0, 252, workers=1, checkpoints=folder / ".learning").save(folder / "rl")

    (tmp_path / "start").mkdir()
    assert killed_everywhere(job, tmp_path / "start", folder, lambda _: None) >= 23


def test_a_training_of_the_universal_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a policy of another seed, which stays until the new one is whole."""
    from research.learning.universal import checkpointed_training as universal
    from research.learning.universal.rule import FOLDER, load

    start, folder = tmp_path / "start", tmp_path / "policies"
    shutil.copytree(FOLDER, start / "own")
    monkeypatch.setattr(universal, "EVERY", 1)  # so that a short training has several checkpoints
    monkeypatch.setattr(universal, "version", once(universal.version))
    monkeypatch.setattr(universal, "begin", once(universal.begin))
    monkeypatch.setattr(universal, "advance", once(universal.advance, lambda state, *_: state.done))
    seeds = set()

    def look(found: Path) -> None:
        seeds.add(load(found / "own").card["seed"])

    job = partial(universal.train_universal, 3, 2, folder / "own")
    assert killed_everywhere(job, start, folder, look) >= 26
    assert seeds == {1, 3}
