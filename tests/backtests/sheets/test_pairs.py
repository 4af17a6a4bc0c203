"""The section of pairs on a sheet: every number is the comparison's, in its place, and no test has two p-values."""

import html
import json
import re
from pathlib import Path

from browser import Elements

from backtests.comparison.comparison import Comparison
from backtests.evaluation.metrics import METRICS, PREDICTIVE
from backtests.inference.estimates import NotAvailable
from backtests.sheets.pages.tearsheet import comparison_html
from backtests.sheets.sections.differences import differences_parts
from backtests.sheets.sections.first_screen import first_screen
from foundation.paper.render import per_cents
from foundation.paper.wording import number


def test_a_figure_has_its_interval_below_it(comparison: Comparison) -> None:
    screen = first_screen(comparison)
    names = [column["name"] for column in screen["columns"]]
    assert sorted(names) == sorted(comparison.scores)
    rows = {row["label"]: row for group in screen["groups"] for row in group["rows"]}
    for metric, by_policy in comparison.intervals.items():
        row = rows[METRICS[metric].label]
        kinds = {"max_drawdown": PREDICTIVE, "cvar95": PREDICTIVE, "loss": comparison.evidence.long_run.at_test}
        assert row["kind"] == kinds.get(metric, "")
        for name, cell in zip(names, row["cells"], strict=True):
            each = by_policy[name]
            if isinstance(each, NotAvailable):
                assert name == "never"
                continue
            assert cell["below"][0] == each.times(METRICS[metric].factor).interval(METRICS[metric].digits)
    for label in ("Orders", "Days outside ranges"):
        assert all(cell["below"] == [] for cell in rows[label]["cells"])
        assert label in screen["bold_rule"]


def test_the_table_shows_the_numbers_of_the_pairs(comparison: Comparison) -> None:
    table = next(part for part in differences_parts(comparison) if isinstance(part, dict))
    heads = [head["words"] for head in table["heads"]]
    assert heads == ["policy", "correlation", "detectable", "detectable", "Memmel's z", "Volatility", "Holm p",
                     "CVaR 95 %", "Holm p", "Maximum drawdown"]  # fmt: skip
    for row, (name, pair) in zip(table["rows"], comparison.pairs.items(), strict=True):
        shown, risk = METRICS["volatility"].difference, pair.differences["volatility"]
        assert row["cells"][:3] == [name, number(pair.correlation, 4), number(100 * pair.detectable["growth"])]
        assert row["cells"][4] == number(pair.memmel.z)
        assert row["cells"][5:7] == [risk.times(shown.factor).text(2, signed=True), f"{risk.p_holm:.3f}"]
        assert row["chosen"] == (name == comparison.recommendation.policy)


def test_what_could_be_found_stands_above_the_differences_in_sheet_notebook_and_text(
    comparison: Comparison, folder: Path
) -> None:
    said = differences_parts(comparison)[0].text
    for page in ((folder / "tearsheet.html").read_text(encoding="utf-8"), comparison_html(comparison)):
        shown = html.unescape(page)
        assert 0 < shown.index(per_cents(said)) < shown.index("Each policy minus") < shown.index("Each policy with")
        assert shown.count("Hansen's SPA over all policies") == 1
        assert not Elements(page).crossed
    text = " ".join(repr(comparison).split())
    assert text.index(" ".join(said.split())) < text.index("difference in loss J")


def test_a_sharpe_difference_has_one_p_everywhere(comparison: Comparison, folder: Path) -> None:
    numbers = json.loads((folder / "tearsheet.json").read_text(encoding="utf-8"))
    rows = {row["policy"]: row for row in numbers["evidence"] if row["metric"] == "sharpe"}
    for pair in numbers["pairs"]:
        row, own = rows[pair["policy"]], pair["differences"]["sharpe"]
        assert (own["value"], own["lower"], own["upper"]) == (
            row["difference"], row["difference_lower"], row["difference_upper"],
        )  # fmt: skip
        assert (own["p"], own["p_holm"], own["verdict"]) == (row["p"], row["p_holm"], row["verdict"])
        assert not re.search(r'"memmel_p', json.dumps(pair))
    drawn = (folder / "figures" / "differences.csv").read_text(encoding="utf-8")
    first = next(line for line in drawn.splitlines() if line.startswith("sharpe") and ",never," in line)
    assert f"{rows['never']['p_holm']:.12g}" in first
