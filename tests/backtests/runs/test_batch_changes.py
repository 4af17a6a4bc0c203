"""What changed since the previous batch: recommendations, figures outside their interval, new and vanished runs."""

from dataclasses import replace

from backtests.evaluation.backtest_figures import HEADLINE_FIGURES
from backtests.runs.batch_changes import Changes, Moved, changes_between
from backtests.sheets.pages.batch import batch_html, changes_lines
from desk.commands.batch.run import Outcome, table_of_outcomes


def row(
    portfolio: str, policy: str = "tuned", parameters: tuple[str, ...] = ("draws=200",), **facts: object
) -> Outcome:
    bounds = {"growth_lower": 0.02, "growth_upper": 0.08, "cost_lower": 1.0}  # without an upper bound
    plain = Outcome(
        portfolio, parameters, f"{portfolio}-1", "made", policy, "Use it.", 0.05, 0.4, -0.2, 1.0, 3.0, bounds
    )
    return replace(plain, orders=1, turnover=0.1, drawdowns=(0.0, -0.2), **facts)  # type: ignore[arg-type]


def between(before: list[Outcome], after: list[Outcome]) -> Changes:
    return changes_between(table_of_outcomes(before), table_of_outcomes(after), HEADLINE_FIGURES)


def test_a_changed_recommendation_is_named_with_both() -> None:
    before = [row("a"), row("b"), row("c", policy=""), row("d")]
    found = between(before, [row("a"), row("b", policy="never"), row("c"), row("d", policy="")])
    assert found.compared == 4
    assert found.policies == {
        ("b", ("draws=200",)): ("tuned", "never"),
        ("c", ("draws=200",)): ("", "tuned"),
        ("d", ("draws=200",)): ("tuned", ""),
    }  # fmt: skip
    assert changes_lines(found) == [
        "Recommendation changed for 3 of 4.", "  b draws=200: tuned → never", "  c draws=200: none → tuned",
        "  d draws=200: tuned → none",
    ]  # fmt: skip
    assert changes_lines(found, most=1)[2] == "  … and 2 more"


def test_a_figure_has_moved_where_it_left_its_own_interval() -> None:
    before = [row("a"), row("b"), row("c"), row("d")]
    after = [
        row("a", growth=0.081), row("b", growth=0.079, sharpe=9.0, cost=99.0), row("c", cost=0.9),
        row("d", policy="never", growth=0.2),
    ]  # fmt: skip
    found = between(before, after)  # of d another policy is shown, whose figures are other ones
    assert found.moved == {
        ("a", ("draws=200",)): [Moved("growth", 0.05, 0.081)], ("c", ("draws=200",)): [Moved("cost", 3.0, 0.9)],
    }  # fmt: skip
    assert "Outside its earlier interval: a draws=200: CAGR 5.00 → 8.10" in changes_lines(found)


def test_new_and_vanished_runs_are_named() -> None:
    found = between([row("a"), row("b")], [row("b"), row("b", parameters=("draws=300",))])
    assert (found.new, found.gone) == ((("b", ("draws=300",)),), (("a", ("draws=200",)),))
    assert changes_lines(found) == [
        "Recommendation changed for none of 1 run.",
        "New: 1 run.", "  b draws=300", "No longer in the batch: 1 run.", "  a draws=200",
    ]  # fmt: skip


def test_failures_and_other_notebooks_are_compared_with_nothing() -> None:
    wrong = Outcome("a", ("draws=200",), "a-1", "failed", verdict="no file")
    other = Outcome("b", (), "b-1", "made", verdict="No trade.")
    assert between([row("a"), other], [wrong, other]) == Changes()
    assert between([wrong, other], [row("a"), other]) == Changes()
    assert changes_lines(Changes()) == ["Nothing to compare with the previous batch."]


def test_the_page_marks_what_changed() -> None:
    table = table_of_outcomes([row("a", growth=0.5), row("b", policy="never"), row("c")])
    changes = changes_between(table_of_outcomes([row("a"), row("b")]), table, HEADLINE_FIGURES)
    page = batch_html("nightly", "compare_policies", table, changes)
    assert "<b>was 5.00</b>" in page
    assert "never<b>was tuned</b>" in page
    assert "c</a><b>new</b>" in page
    assert "Since the previous batch" in page
    assert "Since the previous batch" not in batch_html("nightly", "compare_policies", table)
