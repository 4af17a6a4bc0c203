"""The sheet of a sweep: every number the table's, told in words, the same bytes, no address, a page that fits."""

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import Elements, opened
from swept import swept

from backtests.figures.sweep.cases import at, policies, today
from backtests.figures.sweep.findings import Findings
from backtests.figures.sweep.numbers import ladder, shortlist
from backtests.figures.words import number
from backtests.plots import axis_scale, metric_scale, parallel_plot
from backtests.sweep_sheet import sweep_html, sweep_pictures
from research.errors import ConfigError

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return swept()


@pytest.fixture(scope="module")
def page(table) -> str:
    return sweep_html(table, title="Sixty forty", g=5.0, run={"Run": "sixty_forty-1"})


@pytest.fixture(scope="module")
def crowded() -> pd.DataFrame:
    """Two portfolios, two allocations, many bands, and names that are meant to do harm."""
    many = swept(
        bands=np.geomspace(0.002, 0.08, 30).round(4).tolist(), costs=(1.0, 2.5), lags=(1, 2), starts=2, hrp=True
    )
    return pd.concat([many.assign(portfolio=HOSTILE), swept(costs=(1.0,), lags=(1,), starts=2)], ignore_index=True)


@pytest.fixture(scope="module")
def crowded_page(crowded) -> str:
    return sweep_html(crowded, title=HOSTILE)


# one page


def test_it_holds_no_address_and_no_script(page) -> None:
    assert "http" not in page
    assert "://" not in page
    assert "<script" not in page
    assert not re.search(r"url\((?!#)", page)
    assert not re.search(r"(?:href|src)=\"(?!#)", page)
    assert len(page.encode()) < 1_000_000


def test_names_cannot_become_markup(crowded_page) -> None:
    assert "<script" not in crowded_page
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
        "import pandas as pd; from backtests.sweep_sheet import sweep_html; from pathlib import Path; "
        f"t = pd.read_parquet({str(tmp_path / 'table.parquet')!r}); "
        f"Path({str(tmp_path / 'sheet.html')!r}).write_text("
        "sweep_html(t, title='Sixty forty', g=5.0, run={'Run': 'sixty_forty-1'}))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=120)
    assert (tmp_path / "sheet.html").read_text() == page


def test_the_order_of_rows_changes_nothing_that_is_said(page, table) -> None:
    mixed = table.sample(frac=1.0, random_state=3)
    again = sweep_html(mixed, title="Sixty forty", g=5.0, run={"Run": "sixty_forty-1"})
    said = [re.sub(r"<svg.*?</svg>", "", p, flags=re.DOTALL) for p in (page, again)]
    assert said[0] == said[1]


# what it says


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
    best = rows.loc[rows["J"].idxmin()]
    (lead,) = re.findall(r'<p class="lead">(.*?)</p>', page)
    assert lead == f"Of {len(rows)} policies, {best['policy']} has the lowest J: {number(best['J'])} bp a year."
    assert f"{len(table):,} configurations were tried" in page


def test_the_table_holds_the_best_in_order(page, table) -> None:
    rows = at(policies(table), today(table)).sort_values("J")
    body = re.findall(r"<tbody>(.*?)</tbody>", page, flags=re.DOTALL)[-1]
    names = re.findall(r'<th scope="row".*?<span[^>]*>(.*?)</span></th><td>(.*?)</td>', body)
    assert names == [(r["policy"], number(r["J"])) for r in rows.to_dict("records")]


def test_the_numbers_behind_each_picture_are_those_of_the_table(table) -> None:
    drawn = sweep_pictures(table)
    names = list(shortlist(table)["policy"])
    costs = drawn["cost_ladder"].data
    for name in names:
        own = costs[costs["policy"] == name]
        assert own["J"].tolist() == ladder(table, "cost_multiple")[name].tolist()
    fan = drawn["start_fan"].data
    assert sorted(fan["growth"]) == sorted(ladder(table, "start", "growth")[names].to_numpy().ravel())
    cells = drawn["map_1"].data
    one = table[(table["band"] == 0.01) & (table["to"] == 1.0) & (table["cost_multiple"] == 1.0) & (table["lag"] == 1)]
    cell = cells[(cells["band"] == 0.01) & (cells["to"] == 1.0)].iloc[0]
    assert cell["J"] == pytest.approx(one["J"].mean(), rel=1e-14)
    assert cell["configurations"] == len(one) == 3


def test_a_sweep_of_one_level_has_no_ladder_and_says_so() -> None:
    page = sweep_html(swept(costs=(1.0,), lags=(1,), starts=1))
    assert "figure-cost_ladder" not in page
    assert "figure-map_1" in page
    for words in ("No cost ladder", "No lag ladder", "No start-date fan"):
        assert f"{words}: the sweep has one value of it." in page


def test_a_random_sample_is_shown_as_far_as_it_can_be_compared(table) -> None:
    rng = np.random.default_rng(4)
    sample = table.sample(40, random_state=4)
    sample = sample.assign(cost_multiple=rng.uniform(0.5, 5.0, 40))
    page = sweep_html(sample)
    assert "Only 1 of 1" in page or "policies were played at" in page
    assert "No cost ladder: policies do not share its values." in page


def test_a_single_configuration_is_a_sweep_too(table) -> None:
    page = sweep_html(table.iloc[:1])
    assert "One configuration was tried: nothing was chosen." in page
    assert not Elements(page).crossed


def test_each_portfolio_is_judged_by_itself(crowded_page, crowded) -> None:
    assert crowded_page.count('class="verdict"') == 2
    for _, own in crowded.groupby("portfolio", sort=False):
        lead = Findings(own).lead
        assert lead in crowded_page
    assert crowded_page.count(f"{len(crowded):,} configurations were tried, and the best") == 2


def test_a_gap_is_to_the_own_target_where_targets_differ(crowded) -> None:
    drawn = sweep_pictures(crowded[crowded["portfolio"] == HOSTILE], g=5.0)
    assert "own target" in drawn["frontier"].wide
    assert "equal J" not in drawn["frontier"].wide


def test_figures_that_are_none_are_refused(table) -> None:
    with pytest.raises(ConfigError, match="J of configuration 7 is nan"):
        sweep_html(table.assign(J=table["J"].where(table["configuration"] != 7)))


# notebooks


def test_a_picture_shows_itself_in_a_notebook_as_on_the_sheet(page, table) -> None:
    drawn = sweep_pictures(table, g=5.0)
    block = drawn["frontier"]._repr_html_()
    assert drawn["frontier"].wide in block
    assert drawn["frontier"].wide in page
    assert "http" not in block
    assert not Elements(block).crossed


def test_parallel_coordinates_have_an_axis_for_all_that_varies(table) -> None:
    figure = parallel_plot(table)
    labels = [d.label.partition("<br>")[0] for d in figure.data[0].dimensions]
    varied = ["calendar", "band", "destination", "rule", "cost", "lag", "start"]  # in the order of the columns
    assert labels == [*varied, "Cost", "Tracking error", "J"]
    assert len(figure.data[0].dimensions[0].values) == len(table)
    best = int(table["J"].argmin())
    assert figure.data[0].line.color[best] == max(figure.data[0].line.color)


def test_an_axis_names_its_values_and_those_without_one(table) -> None:
    band = axis_scale(table, "band")
    assert band["ticktext"] == ["none", "0.5 %", "1 %", "2 %", "4 %"]
    codes = dict(zip(band["tickvals"], band["ticktext"], strict=True))
    for value, code in zip(table["band"], band["values"], strict=True):
        assert codes[code] == ("none" if value != value else f"{100 * value:g} %")
    assert axis_scale(table, "every")["ticktext"] == ["none", "week", "month", "quarter"]


def test_a_metric_goes_by_ratio_where_its_values_are_far_apart(table) -> None:
    far = metric_scale(table, "J")
    assert far["values"] == pytest.approx(np.log10(table["J"]).tolist())
    assert [10.0**v for v in far["tickvals"]] == pytest.approx([float(w) for w in far["ticktext"]])
    near = metric_scale(table, "growth")
    assert near["values"] == pytest.approx((100.0 * table["growth"]).tolist())


# a real browser


@pytest.mark.parametrize("which", ["page", "crowded_page"])
def test_a_browser_shows_it_at_every_width_and_no_label_covers_another(which, request, tmp_path: Path) -> None:
    for found in opened(request.getfixturevalue(which), tmp_path):
        assert found["scroll"] <= found["room"], found
        assert found["drawn"] > 50
        assert found["outside"] == [], found["width"]
        assert found["touching"] == [], found["width"]
        assert found["smallest"] >= 9.0, found["width"]


@pytest.mark.parametrize(("theme", "option"), [("light", 1), ("dark", 0)])
def test_it_follows_the_theme_of_the_reader(page, tmp_path, theme, option) -> None:
    for found in opened(page, tmp_path, f"--blink-settings=preferredColorScheme={option}"):
        paper, ink = (sum(map(int, re.findall(r"\d+", str(found[c]))[:3])) for c in ("paper", "ink"))
        assert (paper < 150 < ink) if theme == "dark" else (ink < 150 < paper)
