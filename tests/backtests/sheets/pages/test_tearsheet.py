"""The tearsheet: no address, every number the comparison's, every name escaped, a page that fits."""

import html
import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import WIDE, Elements, browse, check_page, chromium, redrawn, violations, without_script
from playwright.sync_api import sync_playwright
from written import ORIGIN, words_written, written

from backtests.comparison.comparison import Comparison, compare
from backtests.evaluation.backtest_figures import FOLDED, metric_groups
from backtests.inference.estimates import NotAvailable
from backtests.sheets.pages.tearsheet import comparison_html
from desk.commands.report import trades_of
from foundation.paper.files import FORMS
from foundation.paper.render import per_cents
from foundation.paper.wording import amount, number, percent
from research.portfolio import load_portfolio
from research.risk import calendar_years

HOSTILE = (
    "<script>alert(1)<script>",
    "=cmd()",
    '"><img src=x onerror=alert(1)>',
    "<svg onload=alert(1)>",
)  # names without a slash


@pytest.fixture(scope="module")
def page(folder) -> str:
    return (folder / "tearsheet.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Path:
    """A sheet without trades, whose portfolio, policies and assets are named to do harm."""
    desk = load_portfolio("data/portfolios/sixty_forty.yaml")
    rules = {name: desk.policies["threshold"] for name in HOSTILE}
    lines = desk.market.instruments.set_axis(pd.Index(["<b>bold<b>", "@SUM(A1)"], name="asset"))
    desk = replace(
        desk, name=HOSTILE[0], market=replace(desk.market, assets=tuple(lines.index), instruments=lines),
        policies={"quarterly": desk.policies["quarterly"], **rules},
    )  # fmt: skip
    return written(compare(desk, draws=100), tmp_path_factory.mktemp("hostile"))


def csv(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / "figures" / f"{name}.csv")


def svgs(page: str) -> list[str]:
    return re.findall(r"<svg .*?</svg>", page, flags=re.DOTALL)


# one file; that a run made again in another process has the same bytes is shown by the command `replay`


def test_it_is_small_and_holds_no_address_and_one_script(page) -> None:
    assert len(page.encode()) < 3_000_000
    assert "http" not in page
    assert "://" not in page
    assert "<script" not in without_script(page)
    assert "<link" not in page
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)
    assert not re.search(r"(?:href|src)=\"(?!#)", page)


def test_elements_are_closed_in_order_and_identifiers_are_one_of_a_kind(page) -> None:
    elements = Elements(page)
    assert not elements.crossed
    assert not elements.open
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [a["href"][1:] for tag, a in elements.found if tag == "a"]
    assert targets
    assert set(targets) <= set(ids)


# who reads it


def test_every_figure_is_told_in_words_and_has_its_numbers(page, folder) -> None:
    figures = re.findall(r"<figure id=\"figure-(\w+)\".*?</figure>", page, flags=re.DOTALL)
    numbers = json.loads((folder / "tearsheet.json").read_text(encoding="utf-8"))
    assert figures == list(numbers["pictures"])
    forms = {f"{name}.{form}" for name in figures for form in ("csv", "svg")}
    assert forms == {path.name for path in (folder / "figures").iterdir()}
    assert {f"figures/{name}" for name in forms} == {p[f] for p in numbers["pictures"].values() for f in FORMS}
    assert len(svgs(page)) == 2 * len(figures)
    for svg in svgs(page):
        assert 'role="img"' in svg
        (told,) = re.findall(r'aria-label="([^"]*)"', svg)
        assert len(re.findall(r"\d", told)) > 10
    assert all(len(picture["caption"]) > 30 for picture in numbers["pictures"].values())


def test_headings_descend_one_by_one_and_tables_name_their_cells(page) -> None:
    elements = Elements(page).found
    levels = [int(tag[1]) for tag, _ in elements if re.fullmatch(r"h\d", tag)]
    assert (levels[0], levels.count(1)) == (1, 1)
    assert all(b <= a + 1 for a, b in pairwise(levels))
    assert all("scope" in attributes for tag, attributes in elements if tag == "th")
    assert elements[0] == ("html", {"lang": "en"})
    scrolling = [a for _, a in elements if a.get("class") == "scroll"]
    assert scrolling
    assert all(a["tabindex"] == "0" and a["role"] == "region" and a["aria-label"] for a in scrolling)


def test_what_comes_first_stands_first(page, comparison) -> None:
    told = comparison.verdict
    sentences = map(per_cents, (told.heading, *told.lead, *told.details.values()))
    said = [html.escape(words, quote=False).replace("'", "&#39;") for words in sentences]
    order = [
        f"<h1>{comparison.portfolio.name}</h1>", '<nav aria-label="Contents">', *said,
        "Trades at the closes of 2022-12-29",
        "No warnings." if not comparison.warnings else comparison.warnings[0][:20], 'id="figure-growth"',
        'id="policies"', 'class="comparison decisive"', ORIGIN.name, 'id="downside"', 'id="trades"', 'id="appendix"',
        'class="comparison"', 'id="differences"', 'id="weights"', 'id="years"', 'id="costs"', 'id="fitting"',
        'id="conventions"', 'class="settings"',
    ]  # fmt: skip
    places = [page.partition("</head>")[2].find(words) for words in order]
    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)


# every number is the comparison's


def test_the_numbers_behind_growth_are_those_of_the_backtests(folder, comparison) -> None:
    data, traded = csv(folder, "growth_of_all"), csv(folder, "trading")
    base, shown = comparison.backtests["quarterly"].nav.to_numpy(), csv(folder, "growth")
    assert set(shown["policy"]) == {*comparison.recommendation.candidates}
    assert len(shown) == data["policy"].isin(set(shown["policy"])).sum()
    for name, played in comparison.backtests.items():
        own, nav = data[data["policy"] == name], played.nav.to_numpy()
        assert own["date"].tolist() == [f"{day:%Y-%m-%d}" for day in played.dates]
        assert own["growth"].to_numpy() == pytest.approx(nav / nav[0], rel=1e-10)
        assert own["relative_to_reference"].to_numpy() == pytest.approx(
            nav / nav[0] / (base / base[0]) - 1.0, abs=1e-10
        )
        assert own["drawdown"].min() == pytest.approx(comparison.scores[name].drawdown.depth, rel=1e-10)
        years, own = len(played.net_returns) / 252.0, traded[traded["policy"] == name]
        assert own["turnover"].sum() / years == pytest.approx(comparison.scores[name]["turnover"], rel=1e-9)
        assert own["cumulative_cost_bp"].iloc[-1] / years == pytest.approx(comparison.scores[name]["cost"], rel=1e-9)


def test_the_numbers_behind_differences_are_the_evidence(folder, comparison) -> None:
    data = csv(folder, "differences").set_index(["metric", "policy"])
    expected = comparison.evidence.summary()
    assert data.index.tolist() == expected.index.tolist()
    assert data["lower"].isna().tolist() == comparison.evidence_table["lower"].isna().tolist()
    for column in ("estimate", "difference", "difference_lower", "difference_upper", "p_holm"):
        assert data[column].to_numpy() == pytest.approx(expected[column].to_numpy(), rel=1e-10, abs=1e-12)
    assert data["verdict"].tolist() == expected["verdict"].tolist()


def test_the_numbers_behind_the_other_figures_are_the_comparisons(folder, comparison) -> None:
    years = csv(folder, "years").set_index("year")
    for name, played in comparison.backtests.items():
        found, values = calendar_years(played.dates[1:].to_numpy(), played.net_returns)
        assert years.index.tolist() == found.tolist()
        assert years[name].to_numpy() == pytest.approx(values, rel=1e-10)
    costs = csv(folder, "costs").set_index("policy")
    for name, s in comparison.scores.items():
        assert costs.loc[name, "commission"] + costs.loc[name, "half_spread"] == pytest.approx(s["cost"], rel=1e-9)
        assert costs.loc[name, "cost"] + costs.loc[name, "tracking_loss"] == pytest.approx(s["loss"], rel=1e-10)
    shown = comparison.backtests[comparison.recommendation.policy]
    for line, own in csv(folder, "weights").groupby("line"):
        assert own["weight"].to_numpy() == pytest.approx(shown.weights[line].to_numpy(), rel=1e-10)
        booked = shown.trades()
        assert (own["traded"].notna()).sum() == (booked["asset"] == line).sum()
    by_seed = csv(folder, "seeds_1")
    assert by_seed["loss"].tolist() == pytest.approx(comparison.seeds()["loss"].tolist(), rel=1e-10)
    assert by_seed.loc[by_seed["stands"], "seed"].tolist() == [2]
    tried = csv(folder, "tuning_1")
    assert tried["loss"].tolist() == pytest.approx(comparison.fitted["tuned"].tuned.card.minimised.tolist(), rel=1e-10)
    assert (tried["chosen"].sum(), len(csv(folder, "learning_1"))) == (1, 18)


def test_the_json_holds_every_number_in_full(folder, comparison) -> None:
    text = (folder / "tearsheet.json").read_text(encoding="utf-8")
    numbers = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    for name, s in comparison.scores.items():
        assert numbers["figures"][name]["loss"] == s["loss"]
        assert numbers["figures"][name]["max_drawdown"] == s.drawdown.depth
    assert numbers["recommendation"]["policy"] == comparison.recommendation.policy
    assert numbers["trials"] == comparison.trials
    for name, played in comparison.backtests.items():
        assert numbers["figures"][name]["final_balance"] == played.nav.iloc[-1]
        assert numbers["trailing_returns"][name]["whole_test"] == pytest.approx(comparison.scores[name]["growth"])
        assert numbers["trailing_returns"][name]["year_to_date"] == pytest.approx(numbers["years"][name]["2022"])
    assert numbers["settings"]["draws"] == 100
    without = {row["policy"] for row in numbers["evidence"] if row["metric"] == "loss" and row["lower"] is None}
    assert without == {name for name, one in comparison.intervals["loss"].items() if isinstance(one, NotAvailable)}
    assert "never" in without
    trades = trades_of(comparison)
    assert [order["units"] for order in numbers["trades"]["orders"]] == trades.orders["units"].tolist()


def test_the_sheet_says_whether_the_recommended_policy_looks_ahead(page, folder, comparison) -> None:
    assert comparison.look_ahead.startswith(
        f"{comparison.recommendation.policy}: passed. Decided again with other later data of its market on "
    )
    assert html.escape(comparison.look_ahead) in page
    assert json.loads((folder / "tearsheet.json").read_text())["look_ahead"] == comparison.look_ahead


def unlinked(page: str) -> str:
    """A page whose heads do not link to the terms that explain them, as in a notebook, which has no terms."""
    return re.sub(r'<a href="#term-\w+">(.*?)</a>', r"\1", page)


def test_every_head_of_figures_links_to_its_term(page) -> None:
    tables = re.findall(r'<table class="comparison.*?</table>', page, flags=re.DOTALL)
    heads = [h for t in tables for h in re.findall(r'<th scope="row">(.*?)</th>', t, flags=re.DOTALL)]
    assert len(heads) > 40
    assert all(re.match(r'<a href="#term-\w+">', head) for head in heads)


def shown_order(comparison: Comparison) -> list[str]:
    """The columns: the recommended policy, the reference, the others as in the file."""
    return list(dict.fromkeys([comparison.recommendation.policy, comparison.reference, *comparison.scores]))


def test_the_verdict_says_what_the_policy_is_above_the_best_possible(page, comparison) -> None:
    found, name = comparison.above_best, comparison.recommendation.policy or comparison.reference
    above = percent(found.figures[name].upper, 0)
    assert per_cents(f"{name} is at most {above} above the best possible") in page
    assert "Above the best possible, at most" in page


def test_the_table_shows_them_rounded_with_their_intervals(page, comparison) -> None:
    (table,) = re.findall(r'<table class="comparison".*?</table>', page, flags=re.DOTALL)
    rows = re.findall(r'<tr><th scope="row">Rebalancing loss J, .*?</tr>', unlinked(table), flags=re.DOTALL)
    tested, late = (re.findall(r"<td class=\"[^\"]*\">([^<]*)<small>([^<]*)</small></td>", row) for row in rows)
    known, long_run = comparison.evidence.figures("loss"), comparison.evidence.long_run
    order = [name for name in shown_order(comparison) if name != "never"]  # of what drifts away nothing is known
    assert tested == [(number(comparison.scores[name]["loss"]), known[name].interval()) for name in order]
    assert any(below.startswith("at least") for _, below in tested)
    assert late == [(number(long_run.figures[name].value), long_run.figures[name].interval()) for name in order]
    assert per_cents(long_run.at_test) in rows[0]
    assert per_cents(long_run.at_history) in rows[1]


def test_the_final_balance_stands_in_currency_with_what_it_began_with(page, comparison) -> None:
    (row,) = re.findall(r'<tr><th scope="row">Final balance.*?</tr>', unlinked(page), flags=re.DOTALL)
    opened = f"{comparison.portfolio.nav:,.0f}"
    assert f'<small class="nowrap">USD</small><small>; from {opened}, less the initial investment cost</small>' in row
    order = shown_order(comparison)
    assert re.findall(r">([\d,]+)</td>", row) == [f"{comparison.backtests[n].nav.iloc[-1]:,.0f}" for n in order]


def test_further_figures_are_folded_with_the_reason_of_what_is_missing(page, folder, comparison) -> None:
    (folded,) = re.findall(r"<details>\s*<summary>Further.*?</details>", unlinked(page), flags=re.DOTALL)
    assert "<summary>Further figures: shape and tails, against the benchmark, spread over assets</summary>" in folded
    groups = metric_groups(comparison.benchmark)
    shown = [metric for name in FOLDED for metric in groups[name]]
    rows = re.findall(r'<tr><th scope="row">(.*?) <small.*?</tr>', folded, flags=re.DOTALL)
    assert rows == [per_cents(metric.label) for metric in shown]
    for metric in shown:
        (row,) = re.findall(
            rf'<tr><th scope="row">{re.escape(per_cents(metric.label))} <small.*?</tr>', folded, flags=re.DOTALL
        )
        values = [comparison.scores[name].values.get(metric.key) for name in shown_order(comparison)]
        assert re.findall(r"<td[^>]*>([^<]*)</td>", row) == [metric.text(value) for value in values]
    numbers = json.loads((folder / "tearsheet.json").read_text())
    assert numbers["not_available"] == {n: dict(s.undefined) for n, s in comparison.scores.items() if s.undefined}
    assert numbers["not_available"]["never"]["recovery"] == "the maximum drawdown has not recovered by the last day."
    assert numbers["figures"]["never"]["recovery"] is None
    assert "Recovery from maximum drawdown not available for any of them: the maximum drawdown has not" in folded
    assert ">nan<" not in page.lower()


def test_bold_is_what_can_be_told_apart_from_every_other(page, comparison) -> None:
    bold = json.loads(json.dumps({m: _best(comparison, m) for m in ("loss", "growth", "sharpe")}))
    (table,) = re.findall(r'<table class="comparison".*?</table>', page, flags=re.DOTALL)
    assert len(re.findall(r'<td class="best', table)) == sum(name is not None for name in bold.values())


def _best(comparison: Comparison, metric: str) -> str | None:
    estimates = comparison.evidence.estimates[metric]
    best = comparison.evidence.names[int(np.argmin(estimates) if metric == "loss" else np.argmax(estimates))]
    words = {d.verdict for d in comparison.evidence.against(best).differences(metric).values()}
    return best if words == {"worse"} else None


# names that mean harm


def test_names_do_no_harm_on_the_page(hostile) -> None:
    text = without_script((hostile / "tearsheet.html").read_text(encoding="utf-8"))
    assert not {"script", "img"} & {tag for tag, _ in Elements(text).found}
    assert not any(name.startswith("on") for _, attributes in Elements(text).found for name in attributes)
    assert "&lt;script&gt;alert(1)&lt;script&gt;" in text
    assert not Elements(text).crossed


def test_names_do_no_harm_in_a_spreadsheet(hostile) -> None:
    for path in (hostile / "figures").glob("*.csv"):
        for line in path.read_text(encoding="utf-8").splitlines():
            for cell in line.split(","):
                assert not cell.lstrip('"').startswith(("=", "@", "+"))
    assert set(csv(hostile, "growth")["policy"]) >= {"'=cmd()", HOSTILE[0]}
    assert set(csv(hostile, "weights")["line"]) == {"'@SUM(A1)", "<b>bold<b>"}


# comparisons of other kinds


@pytest.fixture(scope="module")
def charged() -> Comparison:
    """With taxes, fees, tickets and flows, and a limit that no policy keeps."""
    flows = {"every": "month", "amount": 10_000}
    keys = {
        "tax": {"rate": 0.2, "lots": "first", "at_end": "liquidate", "harvest_above": 0.05},
        "holding": {"management_fee_bps": 20},
        "flows": flows,
        "costs.bonds.ticket": 2,
    }
    desk = load_portfolio("data/portfolios/sixty_forty.yaml", keys | {"limits.tracking_error": 1e-5})
    return compare(desk, only=["quarterly", "never"], draws=100)


@pytest.fixture(scope="module")
def charged_sheet(charged, tmp_path_factory) -> Path:
    return words_written(charged, trades_of(charged), ORIGIN, tmp_path_factory.mktemp("charged"))


def test_without_a_recommendation_the_sheet_says_why(charged_sheet) -> None:
    text = (charged_sheet / "tearsheet.html").read_text(encoding="utf-8")
    assert "No policy is recommended" in text
    assert "none keeps your limits often enough in tests as long" in text
    assert "Weights and drift: quarterly" in text
    assert ">recommended<" not in text
    assert "Keeps target and limits" in text
    for row in ("Expected loss at your prices", "Expected gain on", "Probability of a gain"):
        assert row not in text


def test_a_sheet_names_every_cost_and_shows_what_the_money_earned(charged, charged_sheet) -> None:
    text = html.unescape((charged_sheet / "tearsheet.html").read_text(encoding="utf-8"))
    assert "bp of notional a side, plus a ticket, tax on realised gains and a management fee; decided" in text
    assert "divided by NAV before it: commission, half-spread, a ticket and tax on realised gains. For holding," in text
    figures = json.loads((charged_sheet / "tearsheet.json").read_text(encoding="utf-8"))["figures"]
    played = charged.backtests["quarterly"]
    assert figures["quarterly"]["money_weighted"] == played.money_weighted
    assert figures["quarterly"]["flows"] == played.flows.sum() > 0.0
    assert figures["quarterly"]["final_balance_taxed"] == played.ledger.nav[-1] - played.tax_at_end
    assert figures["never"]["harvested"] > 0.0 < figures["never"]["harvest_cost"]
    assert "of their cost are harvested at the close: sold, and replaced by a substitute" in text
    for words in (
        "CAGR, after tax at the end",
        "Losses harvested",
        "Cost of harvests",
        "Money-weighted return",
        "Net cash flows",
        amount(played.flows.sum()),
    ):
        assert words in text


def test_the_conventions_say_the_rule_of_the_recommendation_with_its_margin(page, comparison) -> None:
    said = page.partition('id="term-recommendation"')[2].partition("<dt")[0]
    desk = comparison.portfolio
    assert f"where it gains more than the margin, {desk.materiality:g} bp of NAV a year" in said
    assert "keeps the limits in 8 of 10 simulated tests as long (what is done now in 5)" in said
    assert "Where what is done now is no candidate, or nothing is named, the best is recommended." in said
    assert "the fewest days of trading is taken, then the fewest orders, then the simplest class" in said


def test_a_sheet_of_plain_costs_and_no_flows_names_no_others(page) -> None:
    assert "bp of notional a side; decided at a close" in page
    assert "divided by NAV before it: commission and half-spread. The initial" in page
    assert "money-weighted" not in page.lower()


def test_the_sheet_shows_the_trade_list_as_it_shows_itself(page, comparison) -> None:
    assert per_cents(trades_of(comparison).html().strip()) in page
    assert page.count('<section class="trade-list">') == 1


def test_without_trades_there_is_no_trade_list(hostile) -> None:
    text = (hostile / "tearsheet.html").read_text(encoding="utf-8")
    assert 'id="trades"' not in text
    assert not Elements(text).crossed


def test_where_all_policies_hold_one_target_the_sheet_does_not_ask_which(hostile) -> None:
    text = (hostile / "tearsheet.html").read_text(encoding="utf-8")
    assert "Which rule, which target" not in text
    assert "Certainty equivalent" not in text
    assert json.loads((hostile / "tearsheet.json").read_text(encoding="utf-8"))["axes"] is None


# blocks for notebooks


def test_a_comparison_shows_itself_with_the_blocks_of_the_sheet(comparison, page) -> None:
    block = redrawn(comparison_html(comparison))
    assert redrawn(comparison._repr_html_()) == block
    assert "http" not in block
    assert not Elements(block).crossed
    alone = unlinked(page)
    for pattern in (r'<figure id="figure-growth".*?</figure>', r'<table class="comparison".*?</table>'):
        ours, sheets = (re.search(pattern, re.sub(" *<small", "<small", html), re.DOTALL)[0] for html in (block, alone))
        assert ours == sheets
    assert "#term-" not in block


def test_a_style_of_a_block_touches_nothing_outside_it(comparison) -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", comparison_html(comparison), flags=re.DOTALL)
    style = re.sub(r"/\*.*?\*/|@page \{.*?\}|:is\(.*?\)", "", style, flags=re.DOTALL)
    selectors = [
        s for rule in re.findall(r"([^{}]+)\{", style) for s in rule.split(",") if not rule.strip().startswith("@")
    ]
    assert len(selectors) > 50
    assert all(".sheet" in s for s in selectors)


def test_a_backtest_shows_itself(comparison) -> None:
    block = comparison.backtests["tuned"]._repr_html_()
    assert number(100.0 * comparison.scores["tuned"]["growth"]) in block
    assert re.findall(r'<figure id="figure-(\w+)"', block) == ["growth", "trading", "weights"]
    assert not Elements(block).crossed


# a real browser


@pytest.fixture(params=["main", "hostile"])
def sheet(request, folder, hostile) -> str:
    return ({"main": folder, "hostile": hostile}[request.param] / "tearsheet.html").read_text(encoding="utf-8")


def test_a_browser_shows_it_at_every_width_in_both_themes_and_no_label_covers_another(sheet, tmp_path) -> None:
    check_page(sheet)


def test_it_prints_on_four_pages_at_most(folder, tmp_path) -> None:
    pdf = tmp_path / "sheet.pdf"
    browse(tmp_path, f"--print-to-pdf={pdf}", (folder / "tearsheet.html").as_uri())
    assert len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes())) in (3, 4)


def test_a_browser_opens_the_appendix_by_its_anchors_and_all_of_it_without_a_script(folder) -> None:
    sheet, program = (folder / "tearsheet.html").as_uri(), chromium()
    with sync_playwright() as playwright:
        window = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        shown = window.new_page(viewport=WIDE)
        shown.goto(sheet)
        assert shown.evaluate("document.documentElement.scrollHeight") <= 8_000
        assert not shown.locator("#stress").is_visible()
        assert violations(shown) == []
        shown.goto(f"{sheet}#figure-episodes")
        assert shown.locator("#stress").is_visible()
        assert not shown.locator("#behaviour").is_visible()
        shown.emulate_media(media="print")
        trades = shown.get_by_label("Trades", exact=True)
        assert trades.is_visible()
        assert not trades.get_by_role("link").is_visible()
        plain = window.new_context(java_script_enabled=False).new_page()
        plain.goto(sheet)
        plain.get_by_label("Expand all of the appendix").check()
        assert all(plain.locator(f"#{name}").is_visible() for name in ("stress", "behaviour", "conventions"))
        window.close()
