"""`rebalance plan`: a run made whole or not at all, its page, made again to the byte, and sentences for bad input."""

from pathlib import Path

import pytest
from browser import Elements, check_page
from commanded import rebalance

from backtests.runs.verify import verify
from desk.commands.finished_run import show_text
from desk.commands.past_runs import WantedRuns, runs_text
from desk.commands.replay import replay_run
from desk.commands.today import plan as command
from desk.commands.today.plan import make_plan
from desk.commands.today.risk import fitted_policies
from foundation.errors import ConfigError
from research.portfolio import load_portfolio

ROOT = Path(__file__).parents[4]
EXAMPLE = ROOT / "data/examples/plan_of_a_life.yaml"


def written(folder: Path, *changes: tuple[str, str]) -> Path:
    """The example for twelve years, two of saving, without the policy `quarterly`."""
    text = EXAMPLE.read_text(encoding="utf-8")
    shorter = (("years: 35", "years: 12"), ("years: 10}", "years: 2}"), ("  quarterly: {rule: calendar}\n", ""))
    for old, new in (*shorter, *changes):
        assert old in text
        text = text.replace(old, new)
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    return make_plan(written(tmp_path_factory.mktemp("desk")), tmp_path_factory.mktemp("reports"), paths=100)


def test_the_run_is_whole_and_listed(made):
    names = {path.relative_to(made.folder).as_posix() for path in made.folder.rglob("*") if path.is_file()}
    pictures = {f"figures/{name}.{form}" for name in ("plan", "amounts") for form in ("csv", "svg")}
    assert names == {"plan.html", "plan.json", "summary.txt", "manifest.json"} | pictures
    assert not verify(made.folder).changed
    assert "plan" in runs_text(made.folder.parent, WantedRuns(where=["kind=plan"]))
    assert "plan.html" in show_text(made.folder)


def test_the_text_says_the_plan_and_the_answer(made):
    for words in (
        "Saved are 20,000 USD a year in today's money for 2 years.",
        "Spent are 60,000 USD a year in today's money, for 10 years",
        "Rebalanced by yearly, the plan runs out or leaves less than 100,000 USD in today's money within 12 years in ",
        " of 100 futures.",
    ):
        assert words in made.text


def test_a_policy_that_must_be_fitted_first_is_left_out_and_named(tmp_path):
    desk = load_portfolio(written(tmp_path, ("policies:\n", "policies:\n  tuned: {rule: tuned}\n")))
    found, notes, run = fitted_policies(desk, ["yearly", "tuned"], tmp_path)
    assert (list(found), run) == (["yearly"], "")
    assert notes[0].startswith("Policy tuned must be fitted first")


def test_the_page_is_one_file_without_an_address(made):
    page = (made.folder / "plan.html").read_text(encoding="utf-8")
    elements = Elements(page)
    assert not elements.open
    assert not elements.crossed
    assert not [a for _, a in elements.found if (a.get("href") or "").startswith("http") or "src" in a]
    found = [a["id"] for tag, a in elements.found if tag == "section" and "id" in a]
    assert found == ["policies", "amounts", "depends", "history", "assumed"]
    assert "nan" not in page
    check_page(page, drawn=20)


def test_a_run_is_made_again_to_the_byte(made):
    found = replay_run(made.folder)
    assert found.same
    assert "same bytes" in found.text.lower()


def test_nothing_is_left_of_a_run_that_fails(tmp_path, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(command, "life_of_plan", fail)
    with pytest.raises(OSError, match="No space left on device"):
        make_plan(written(tmp_path), tmp_path / "reports", paths=100)
    assert not [path for path in (tmp_path / "reports").iterdir() if path.is_dir()]


def test_a_file_without_a_plan_is_told_how_to_state_one() -> None:
    done = rebalance("plan", "data/portfolios/sixty_forty.yaml")
    assert done.status == 2
    assert "has no plan: add the key `plan:`, as data/examples/plan_of_a_life.yaml has it." in " ".join(
        done.err.split()
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ((("once: {2027-06-30", "once: {2047-06-30"),), "once of the plan has 2047-06-30, and the plan ends"),
        ((("  saving: {amount: 20_000, years: 2}", "  saving: {amount: 20_000, years: 12}"),), "as long as the plan"),
        ((("rule: indexed, amount: 60_000", "rule: share, amount: 60_000"),), "'share' goes by its share alone"),
        ((("rule: indexed, amount: 60_000", "rule: share, share: 4"),), "at most 1: 4 % is 0.04"),
        ((("inflation: history", "inflation: 2.5"),), "inflation"),
        ((("  saving: {amount: 20_000, years: 2}", ""), ("amount: 60_000", "amount: 1_000_000")), "in its first year"),
    ],
)  # fmt: skip
def test_a_plan_that_cannot_be_is_refused(tmp_path: Path, changes: tuple[tuple[str, str], ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_plan(written(tmp_path, *changes), tmp_path / "reports", paths=100)


def test_a_number_of_futures_out_of_range_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="paths are 99: give a whole number of futures, at least 100"):
        make_plan(written(tmp_path), tmp_path / "reports", paths=99)
