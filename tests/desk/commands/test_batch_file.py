"""A file that says what a batch runs: every mistake in it is told before any run, with its line."""

from pathlib import Path

import pytest
from commanded import FILE, ROOT, rebalance

from desk.commands.batch import make_batch
from desk.commands.batch.file import plan_of, read_plan, says_what_to_run
from desk.commands.batch.plan import notebook_named
from foundation.errors import ConfigError

EXAMPLE = ROOT / "data" / "batches" / "nightly.yaml"


def stated(folder: Path, text: str, name: str = "night.yaml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_the_example_says_what_it_runs() -> None:
    plan = read_plan(EXAMPLE)
    assert (plan.name, plan.notebook.stem, plan.workers, plan.cluster) == ("nightly", "compare_policies", 2, "")
    assert [job.portfolio for job in plan.jobs] == ["sixty_forty", "stocks_20"]
    assert {job.given for job in plan.jobs} == {("draws=2000", "reference=quarterly")}


def test_values_keep_their_type_and_each_meets_each(tmp_path: Path) -> None:
    file = stated(
        tmp_path,
        f"files: [{FILE}]\nnotebook: sweep_thresholds\nparameters: {{costs: [0.5, 1]}}\n"
        "grid: {lags: [[0, 1], [2]], starts: [1, 2]}\nworkers: 3\ncluster: tcp://127.0.0.1:8786\n",
    )
    plan = read_plan(file)
    assert (plan.name, plan.notebook, plan.workers) == ("night", notebook_named("sweep_thresholds"), 3)
    assert [job.given[1:] for job in plan.jobs] == [
        ("lags=[0, 1]", "starts=1"), ("lags=[0, 1]", "starts=2"), ("lags=[2]", "starts=1"), ("lags=[2]", "starts=2"),
    ]  # fmt: skip
    assert plan.jobs[0].given[0] == "costs=[0.5, 1]"


def test_files_are_looked_for_from_the_file_and_then_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("own", "own/desks", "here"):
        (tmp_path / place).mkdir()
    for name in ("own/desks/b", "own/desks/a", "here/c"):
        (tmp_path / f"{name}.yaml").write_text("name: x\n")
    stated(tmp_path / "own" / "desks", "files: [a.yaml]\n")
    file = stated(tmp_path / "own", "files: [desks/*.yaml, c.yaml, data/portfolios/stocks_20.yaml, absent/*.yaml]\n")
    monkeypatch.chdir(tmp_path / "here")
    jobs = read_plan(file).jobs
    assert [job.portfolio for job in jobs] == ["a", "b", "c", "stocks_20", "*"]  # and no file that says what to run
    assert jobs[-1].missing == (
        f"no file matches absent/*.yaml; it was looked for in {tmp_path / 'own'} and {tmp_path / 'here'} and {ROOT}. "
        f"Correct the path. It is named in {file}."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "gird: {}\nfiles: [a.yaml]\n",
            r"gird: unknown key \(.*night\.yaml, line 1\): found 'gird'\. Did you mean 'grid'\? Use files, name",
        ),
        ("name: x\n", r"files: missing \(.*night\.yaml\)"),
        ("files: ['/**/*']\n", r"files has the pattern /\*\*/\*: only folders below the file's own may be a pattern"),
        ("files: ['/*/*/*/a.yaml']\n", r"only folders below the file's own may be a pattern"),
        ("files: ['../**/a.yaml']\n", r"only folders below the file's own may be a pattern"),
        ("files: ['x*/../../*/a.yaml']\n", r"only folders below the file's own may be a pattern"),
        ("files: []\n", r"files: too short \(.*line 1\): found \[\]"),
        ("files: a.yaml\n", r"files: not a list \(.*line 1\): found 'a\.yaml'"),
        ("files: [a.yaml]\nworkers: 2.5\n", r"workers: not a whole number \(.*line 2\): found 2\.5"),
        ("files: [a.yaml]\nworkers: 0\n", r"workers: out of bounds \(.*line 2\): found 0"),
        ("files: [a.yaml]\nname: ../x\n", r"name: no name: it has a slash \(.*line 2\): found '\.\./x'"),
        ("files: [a.yaml]\nnotebook: none\n", r"line 2: notebook is 'none': give one of allocation_models"),
        ("files: [a.yaml]\nnotebook: policy_laboratory\n", r"policy_laboratory\.ipynb has no parameter portfolio"),
        ("files: [a.yaml]\nparameters: {drws: 1}\n", r"line 2: compare_policies\.ipynb has no parameter 'drws'"),
        ("files: [a.yaml]\nparameters: {draws: '200'}\n", r"line 2: parameter draws .* is '200' \(str\), expected int"),
        ("files: [a.yaml]\nparameters: {run: x}\n", r"parameter run is set by the command itself"),
        (
            "files: [a.yaml]\ngrid:\n  draws: [200, 0.5]\n",
            r"line 3: parameter draws .* is 0\.5 \(float\), expected int",
        ),
        ("files: [a.yaml]\ngrid: {draws: []}\n", r"grid\.draws: too short \(.*line 2\): found \[\]"),
        ("files: [a.yaml]\ngrid: {draws: 200}\n", r"grid\.draws: not a list \(.*line 2\): found 200"),
        ("files: [a.yaml]\nparameters: {draws: 200}\ngrid: {draws: [300]}\n", r"parameter draws is given 2 times"),
        ("files: [a.yaml\n", r"not YAML \(.*night\.yaml, line 2"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_plan(stated(tmp_path, text))


GRIDS = {  # of each notebook that reads a portfolio file, a value of another type, and what is expected
    "allocation_models": ("draws: [many]", "int"),
    "allocation_under_limits": ("points: [1.5]", "int"),
    "black_litterman_views": ("tau: [little]", "float"),
    "claims": ("draws: [many]", "int"),
    "compare_policies": ("reference: [3]", "str"),
    "decision_cycle": ("worlds: [many]", "int"),
    "execution_tca": ("half_spread_bps: [wide]", "float"),
    "explore_a_band": ("draws: [1.5]", "int"),
    "forecasts": ("line: [3]", "str"),
    "life_of_a_plan": ("paths: [many]", "int"),
    "rebalance_now": ("policy: [true]", "str"),
    "regimes": ("draws: [1.5]", "int"),
    "sweep_thresholds": ("lags: [[0.5]]", r"list\[int\]"),
    "train_rl_policy": ("rl_seeds: [[1]]", "int"),
}


@pytest.mark.parametrize("notebook", GRIDS)
def test_a_grid_value_of_a_wrong_type_is_refused_for_every_notebook(tmp_path: Path, notebook: str) -> None:
    value, kind = GRIDS[notebook]
    file = stated(tmp_path, f"files: [a.yaml]\nnotebook: {notebook}\ngrid: {{{value}}}\n")
    with pytest.raises(ConfigError, match=rf"line 3: parameter .* of {notebook}\.ipynb is .*, expected {kind}"):
        read_plan(file)


def test_every_notebook_that_reads_a_portfolio_is_among_them() -> None:
    from backtests.runs.parameters import parameters_of

    assert set(GRIDS) == {p.stem for p in (ROOT / "notebooks").glob("*.ipynb") if "portfolio" in parameters_of(p)}


@pytest.mark.parametrize("words", [["-p", "draws=2"], ["--grid", "draws=2"], ["--name", "x"], ["--notebook", "claims"]])
def test_a_file_says_all_that_is_run(words: list[str]) -> None:
    done = rebalance("batch", EXAMPLE, *words)
    assert done.status == 2
    assert f"says what to run, and {words[0]} is given too. State all in the file." in done.err.replace("\n", " ")


def test_how_many_workers_may_be_said_otherwise() -> None:
    assert plan_of([EXAMPLE], workers=1).workers == 1
    there = plan_of([EXAMPLE], cluster="tcp://127.0.0.1:1")
    assert (there.workers, there.cluster) == (2, "tcp://127.0.0.1:1")


def test_a_portfolio_is_no_such_file() -> None:
    assert says_what_to_run(EXAMPLE)
    assert not any(says_what_to_run(path) for path in (FILE, Path("absent.yaml"), ROOT))


def test_retrain_and_if_changed_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--retrain and --if-changed exclude each other"):
        make_batch(plan_of([FILE]), tmp_path, retrain=True, if_changed=True)
