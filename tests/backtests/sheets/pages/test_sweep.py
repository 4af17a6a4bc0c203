"""The sheet of a sweep: every number the table's, told in words, the same bytes, no address, a page that fits."""

import ast
import os
import re
import subprocess
import sys
from html import escape, unescape
from itertools import pairwise
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from browser import Elements, check_page, redrawn, without_script
from swept import swept

from backtests.runs.parameters import check_parameters
from backtests.sheets.notebook.interactive import axis_scale, metric_scale, parallel_plot
from backtests.sheets.pages.sweep import Pictures, SweepSheet, sweep_cell, sweep_pictures, sweep_sheet
from backtests.sweeps.analysis import ladder, shortlist
from backtests.sweeps.findings import Findings
from backtests.sweeps.labels import at, policies, today
from foundation.errors import ConfigError
from foundation.paper.render import Running, per_cents
from foundation.paper.wording import number

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return swept()


@pytest.fixture(scope="module")
def page(table) -> str:
    return sweep_sheet(table, title="Sixty forty", tracking_penalty=5.0, run={"Run": "sixty_forty-1"}).page


@pytest.fixture(scope="module")
def drawn(table) -> Pictures:
    return sweep_pictures(table, tracking_penalty=5.0)


@pytest.fixture(scope="module")
def crowded() -> pd.DataFrame:
    """Two portfolios, two allocations, many bands, and names that are meant to do harm."""
    many = swept(bands=np.geomspace(0.002, 0.08, 20).round(4).tolist(), costs=(1.0, 2.5), lags=(1,), starts=2, hrp=True)
    return pd.concat([many.assign(portfolio=HOSTILE), swept(costs=(1.0,), lags=(1,), starts=2)], ignore_index=True)


@pytest.fixture(scope="module")
def crowded_page(crowded) -> str:
    return sweep_sheet(crowded, title=HOSTILE).page


# one page


def test_it_holds_no_address_and_one_script(page) -> None:
    assert "http" not in page
    assert "://" not in page
    assert "<script" not in without_script(page)
    assert not re.search(r"url\((?!#)", page)
    assert not re.search(r"(?:href|src)=\"(?!#)", page)
    assert len(page.encode()) < 1_000_000


def test_names_cannot_become_markup(crowded_page) -> None:
    assert "<script" not in without_script(crowded_page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in crowded_page


@pytest.mark.parametrize("which", ["page", "crowded_page"])
def test_elements_are_closed_and_identifiers_are_one_of_a_kind(which, request) -> None:
    elements = Elements(request.getfixturevalue(which))
    assert not elements.crossed
    assert not elements.open
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {a["href"][1:] for tag, a in elements.found if tag == "a"}
    assert targets
    assert targets <= set(ids)
    levels = [int(tag[1]) for tag, _ in elements.found if re.fullmatch(r"h\d", tag)]
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))


def test_another_process_writes_the_same_bytes(page, table, tmp_path) -> None:
    table.to_parquet(tmp_path / "table.parquet")
    script = (
        "import pandas as pd; from backtests.sheets.pages.sweep import sweep_sheet; from pathlib import Path; "
        f"t = pd.read_parquet({str(tmp_path / 'table.parquet')!r}); "
        f"Path({str(tmp_path / 'sheet.html')!r}).write_text("
        "sweep_sheet(t, title='Sixty forty', tracking_penalty=5.0, run={'Run': 'sixty_forty-1'}).page)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=120)
    assert (tmp_path / "sheet.html").read_text() == page


def test_the_order_of_rows_changes_nothing_that_is_said(page, table) -> None:
    mixed = table.sample(frac=1.0, random_state=3)
    again = sweep_sheet(mixed, title="Sixty forty", tracking_penalty=5.0, run={"Run": "sixty_forty-1"}).page
    said = [re.sub(r"<svg.*?</svg>", "", p, flags=re.DOTALL) for p in (page, again)]
    assert said[0] == said[1]


# what it says


def test_a_page_that_cannot_be_written_leaves_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "sweep.html").mkdir()
    with pytest.raises(OSError, match=r"sweep\.html"):
        SweepSheet("empty", [], [], Running("empty")).write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.html"]


def test_every_picture_is_told_in_words(page) -> None:
    svgs = re.findall(r"<svg .*?</svg>", page, flags=re.DOTALL)
    figures = re.findall(r"<figure id=\"figure-(\w+)\".*?</figure>", page, flags=re.DOTALL)
    assert figures == ["map_1", "map_2", "map_3", "frontier", "cost_ladder", "lag_ladder", "start_fan"]
    assert len(svgs) == 2 * len(figures)
    for svg in svgs:
        (told,) = re.findall(r'aria-label="([^"]*)"', svg)
        assert len(re.findall(r"\d", told)) > 10


def test_the_headline_has_the_best_policy_and_its_number(page, table) -> None:
    rows = at(policies(table), today(table))
    best = rows.loc[rows["loss"].idxmin()]
    (lead,) = re.findall(r'<p class="lead">(.*?)</p>', page)
    under = "today's costs, a lag of 1 session, a start on 2012-01-03"
    lowest = f"{number(best['loss'])} bp a year, at {under}."
    said = f"Of {len(rows)} policies, {best['policy']} has the lowest rebalancing loss J: {lowest}"
    assert unescape(lead) == per_cents(said)
    assert f"{len(table):,} configurations were tried" in page


def test_the_table_holds_the_best_in_order(page, table) -> None:
    rows = at(policies(table), today(table)).sort_values("loss")
    body = re.findall(r"<tbody>(.*?)</tbody>", page, flags=re.DOTALL)[-1]
    names = re.findall(r'<th scope="row".*?<span[^>]*>(.*?)</span></th><td>(.*?)</td>', body)
    assert names == [(per_cents(r["policy"]), number(r["loss"])) for r in rows.to_dict("records")]


def test_the_numbers_behind_each_picture_are_those_of_the_table(table, drawn) -> None:
    names, costs = list(shortlist(table)["policy"]), drawn["cost_ladder"].data
    for name in names:
        assert costs[costs["policy"] == name]["loss"].tolist() == ladder(table, "cost_multiple")[name].tolist()
    fan = drawn["start_fan"].data
    assert sorted(fan["growth"]) == sorted(ladder(table, "start", "growth")[names].to_numpy().ravel())
    cells = drawn["map_1"].data
    one = table[(table["band"] == 0.01) & (table["to"] == 1.0) & (table["cost_multiple"] == 1.0) & (table["lag"] == 1)]
    cell = cells[(cells["band"] == 0.01) & (cells["to"] == 1.0)].iloc[0]
    assert cell["loss"] == pytest.approx(one["loss"].mean(), rel=1e-14)
    assert cell["configurations"] == len(one) == 3


def test_a_sweep_of_one_level_has_no_ladder_and_says_so() -> None:
    page = sweep_sheet(swept(costs=(1.0,), lags=(1,), starts=1)).page
    assert "figure-cost_ladder" not in page
    assert "figure-map_1" in page
    for words in ("No cost ladder", "No lag ladder", "No start-date fan"):
        assert f"{words}: the sweep has only one value of it." in page


def test_a_sample_without_a_common_condition_is_drawn_and_nothing_of_it_is_ranked(table) -> None:
    rng, sample = np.random.default_rng(4), table.sample(40, random_state=4)
    sample = sample.assign(cost_multiple=rng.uniform(0.5, 5.0, 40))
    page = sweep_sheet(sample).page
    said = " ".join(re.findall(r'<p class="lead">(.*?)</p>', page))
    assert "have no common conditions" in said
    assert "lowest rebalancing loss J" not in said
    assert "The best" not in page
    assert re.findall(r'<figure id="figure-(\w+)"', page) == ["sample"]
    assert "No cost ladder: the policies have no common conditions." in page
    assert sum(map(int, re.findall(r'<th scope="row"[^>]*>.*?</th><td>(\d+)</td>', page))) == 40
    assert sorted(sweep_pictures(sample)["sample"].data["loss"]) == sorted(sample[sample["band"].notna()]["loss"])
    assert not Elements(page).crossed


def test_bands_that_were_drawn_at_costs_of_their_own_do_not_end_the_page() -> None:
    """Calendars share a condition, bands none: the calendars are ranked, and no map asks for what is not there."""
    found = swept(costs=(1.0,), lags=(1,), starts=1)
    many, few = found[found["rule"] != "threshold"], found[found["rule"] == "threshold"].head(4)
    mixed = pd.concat([many, few.assign(cost_multiple=[2.0, 3.0, 4.0, 5.0])])
    assert "has the lowest rebalancing loss J" in Findings(mixed).lead
    assert "map_1" not in sweep_pictures(mixed)


def test_hundreds_of_drawn_destinations_are_one_family_and_few_words(table) -> None:
    one = table[(table["rule"] == "threshold") & (table["cost_multiple"] == 1.0) & (table["lag"] == 1)].iloc[:1]
    rng = np.random.default_rng(1)
    draws = {"band": rng.uniform(0.005, 0.05, 300), "to": rng.uniform(0, 1, 300), "part": rng.uniform(0.3, 1, 300)}
    many = pd.concat([one] * 300, ignore_index=True).assign(
        configuration=range(300), loss=rng.uniform(1, 9, 300), cost=rng.uniform(1, 2, 300),
        tracking_error=rng.uniform(0.01, 0.02, 300), **draws)  # fmt: skip
    others = table[(table["rule"] != "threshold") & (table["cost_multiple"] == 1.0) & (table["lag"] == 1)]
    both = pd.concat([many, others[others["start"] == one["start"].iloc[0]]])
    found = Findings(both)
    assert found.families == ["never", "calendar", "band, drawn"]
    assert len(found.table["policy"].unique()) == 304
    assert len(found.answer()) < 1500
    frontier = sweep_pictures(both)["frontier"]
    assert len(frontier.caption) < 800
    assert frontier.wide.count(">band, drawn<") == 1


def test_what_a_sweep_has_one_value_of_says_why_there_is_no_picture() -> None:
    drawn = sweep_pictures(swept(bands=(0.02,), costs=(1.0,), lags=(1,), starts=1))
    said = {name: drawn[name]._repr_html_() for name in ("map_2", "cost_ladder", "lag_ladder", "start_fan")}
    assert "No cost ladder: the sweep has only one value of it." in said["cost_ladder"]
    assert "No start-date fan: the sweep has only one value of it." in said["start_fan"]
    assert said["map_2"].startswith("<p><em>No map 2: ")
    with pytest.raises(KeyError):
        drawn["mpa_1"]


@pytest.mark.parametrize(
    ("lags", "ends"), [((0, 1), "0 to 1"), ((0, 1, 5), "1 to 5"), ((0, 2, 5), "0 to 5"), ((2, 5), "2 to 5")], ids=str
)
def test_changes_with_the_lag_are_between_two_lags_and_from_one_that_a_desk_can_have(table, lags, ends) -> None:
    some = pd.concat([table[table["lag"] == table["lag"].min()].assign(lag=lag) for lag in lags])
    caption = sweep_pictures(some, own={"lag": lags[-1], "start": table["start"].min()})["lag_ladder"].caption
    assert caption.startswith(f"Largest changes from a lag of {ends}: ")


def test_a_single_configuration_is_a_sweep_too(table) -> None:
    page = sweep_sheet(table.iloc[:1]).page
    assert "One configuration was tried: there is no selection bias." in page
    assert not Elements(page).crossed


def test_each_portfolio_is_judged_by_itself(crowded_page, crowded) -> None:
    assert crowded_page.count('class="verdict"') == 2
    for _, own in crowded.groupby("portfolio", sort=False):
        assert per_cents(escape(Findings(own).lead, quote=False)) in crowded_page.replace("&#39;", "'")
    assert crowded_page.count(f"{len(crowded):,} configurations were tried. If all were equally good") == 2


def test_policies_with_another_target_are_named_and_beat_nobody(crowded) -> None:
    own = crowded[crowded["portfolio"] == HOSTILE]
    drawn = sweep_pictures(own, tracking_penalty=5.0)["frontier"]
    assert "equal J" in drawn.wide
    assert "Not drawn (they track another target): hrp 252 (44 policies" in drawn.caption
    strategic = sweep_pictures(own[own["allocation"] == "strategic"], tracking_penalty=5.0)["frontier"]
    assert drawn.data[drawn.data["drawn"]]["efficient"].tolist() == strategic.data["efficient"].tolist()
    alone = sweep_pictures(own[own["allocation"] == "hrp"], tracking_penalty=5.0)["frontier"]
    assert "own target" in alone.wide
    assert "equal J" not in alone.wide


def test_a_ladder_stands_above_the_lowest_of_all_policies(table, drawn) -> None:
    """Drawn are the best of each family at today's costs; at others another of the same family may be lower."""
    data, whole = drawn["cost_ladder"].data, ladder(table, "cost_multiple")
    for row in data.to_dict("records"):
        assert row["behind"] == pytest.approx(row["loss"] - whole.loc[row["cost_multiple"]].min(), abs=1e-12)
    least = data.groupby("cost_multiple")["behind"].min()
    assert (least >= 0.0).all()
    assert least.max() > 0.0


def test_few_starts_are_told_one_by_one_and_have_no_quantiles(table, drawn) -> None:
    fan = drawn["start_fan"]
    for value in ladder(table, "start")[shortlist(table)["policy"].iloc[0]]:
        assert number(value) in fan.caption
    assert "80" not in fan.caption
    assert "broad" not in fan.wide


def test_the_portfolios_own_conditions_come_first_and_else_are_said_to_be_missing(table) -> None:
    own = {"lag": 5, "start": pd.Timestamp(table["start"].max())}
    assert Findings(table, own=own).now == {"cost_multiple": 1.0, "lag": 5, "start": table["start"].max()}
    away = Findings(table, own={"lag": 3, "start": pd.Timestamp("1999-01-04")})
    assert away.now["lag"] in (1, 5)
    missing = "None or too few policies ran under the portfolio's own conditions (today's costs"
    assert away.warnings[0].startswith(missing)


def test_figures_that_are_none_are_refused(table) -> None:
    with pytest.raises(ConfigError, match="loss of configuration 7 is nan"):
        sweep_sheet(table.assign(loss=table["loss"].where(table["configuration"] != 7)))


# notebooks


def test_a_picture_shows_itself_in_a_notebook_as_on_the_sheet(page, drawn) -> None:
    block = redrawn(drawn["frontier"]._repr_html_())
    (on_page,) = re.findall(r'<figure id="figure-frontier".*?</figure>', page, flags=re.DOTALL)
    assert on_page in block
    assert "http" not in block
    assert not Elements(block).crossed


FEW = {"bands": (0.01, 0.02), "costs": (1.0, 2.0), "lags": (1, 2), "starts": 2}
SAID = r"No (map 2|cost ladder|lag ladder|start-date fan): "


@pytest.mark.parametrize(("one", "missing"), [
    ({"bands": (0.02,), "costs": (1.0,)}, {"map 2", "cost ladder"}),
    ({"lags": (1,), "starts": 1}, {"lag ladder", "start-date fan"}),
], ids=["band and cost", "lag and start"])  # fmt: skip
def test_pictures_that_parameters_of_one_value_lack_say_so(one, missing) -> None:
    drawn = sweep_pictures(swept(**(FEW | one)))
    shown = "".join(drawn[name]._repr_html_() for name in ("map_2", "cost_ladder", "lag_ladder", "start_fan"))
    assert missing == set(re.findall(SAID, shown))


def test_the_notebook_runs_where_parameters_have_one_value() -> None:
    """Its cells, one after the other in this process: tests of the command show that a kernel runs them."""
    path = Path("notebooks/sweep_thresholds.ipynb")
    names = check_parameters(path, {"bands": [0.02], "costs": [1.0], "lags": [1], "starts": 1})
    shown = ""
    for cell in nbformat.read(path, as_version=4)["cells"]:
        if cell["cell_type"] == "code" and "parameters" not in cell["metadata"].get("tags", []):
            *lines, last = ast.parse(cell["source"]).body
            exec(compile(ast.Module(lines, []), str(path), "exec"), names)
            if isinstance(last, ast.Expr):
                value = eval(compile(ast.Expression(last.value), str(path), "eval"), names)
                shown += getattr(value, "_repr_html_", str)() or ""
            else:
                exec(compile(ast.Module([last], []), str(path), "exec"), names)
    assert set(re.findall(SAID, shown)) == {"map 2", "cost ladder", "lag ladder", "start-date fan"}


def test_a_sweep_shows_the_words_and_the_table_of_its_page(page, table) -> None:
    block = sweep_cell(table)
    assert re.findall(r'<p class="lead">(.*?)</p>', block) == re.findall(r'<p class="lead">(.*?)</p>', page)
    assert "<svg" not in block
    assert "http" not in block
    assert not Elements(block).crossed


def test_parallel_coordinates_have_an_axis_for_all_that_varies(table) -> None:
    figure = parallel_plot(table)
    labels = [d.label.partition("<br>")[0] for d in figure.data[0].dimensions]
    varied = ["rule", "calendar", "band", "destination", "cost", "lag", "start"]  # in the order of the columns
    assert labels == [*varied, "Cost", "Tracking error", "Rebalancing loss J"]
    assert len(figure.data[0].dimensions[0].values) == len(table)
    assert figure.data[0].line.color[int(table["loss"].argmin())] == max(figure.data[0].line.color)


def test_an_axis_names_its_values_and_those_without_one(table) -> None:
    band = axis_scale(table, "band")
    assert band["ticktext"] == ["none", "0.5 %", "1 %", "2 %", "4 %"]
    codes = dict(zip(band["tickvals"], band["ticktext"], strict=True))
    for value, code in zip(table["band"], band["values"], strict=True):
        assert codes[code] == ("none" if value != value else f"{100 * value:g} %")
    assert axis_scale(table, "calendar")["ticktext"] == ["none", "week", "month", "quarter"]


def test_a_metric_goes_by_ratio_where_its_values_are_far_apart(table) -> None:
    far = metric_scale(table, "loss")
    assert far["values"] == pytest.approx(np.log10(table["loss"]).tolist())
    assert [10.0**v for v in far["tickvals"]] == pytest.approx([float(w) for w in far["ticktext"]])
    assert metric_scale(table, "growth")["values"] == pytest.approx((100.0 * table["growth"]).tolist())


# a real browser


@pytest.mark.parametrize("which", ["page", "crowded_page"])
def test_a_browser_shows_it_at_every_width_in_both_themes_and_no_label_covers_another(which, request) -> None:
    check_page(request.getfixturevalue(which))
