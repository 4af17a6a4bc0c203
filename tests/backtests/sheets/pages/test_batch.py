"""The page of a batch in a browser: sorted and filtered with scripts, a plain table without; small for many runs."""

import html
import re
from dataclasses import replace
from pathlib import Path

import pytest
from browser import browse, check_page

from backtests.runs.batch_changes import Changes
from backtests.sheets.pages.batch import HEIGHT, STEP, _trades, batch_html, curve, verdict_words
from benchmarks.batch import BYTES, page, runs
from desk.commands.batch.run import Outcome, table_of_outcomes


@pytest.fixture(scope="module")
def built() -> str:
    """Twelve runs and a failure."""
    failed = Outcome(
        "absent", ("draws=1000", "rl_steps=0", "reference=9"), "absent-1", "failed", verdict="no file absent.yaml"
    )
    return batch_html(
        "nightly", "compare_policies", table_of_outcomes([*runs(12, 1), failed]), Changes(new=[("absent", ())])
    )


def rows(dom: str) -> list[tuple[str, list[str]]]:
    """Attributes and cells of each row of the table."""
    body = re.findall(r"<tbody>(.*?)</tbody>", dom, flags=re.DOTALL)[0]
    found = re.findall(r"<tr([^>]*)>(.*?)</tr>", body, flags=re.DOTALL)
    return [(about, [html.unescape(re.sub("<[^>]*>", "", cell)).strip() for cell in re.split("<t[dh]", content)[1:]])
            for about, content in found]  # fmt: skip


def in_browser(page: str, folder: Path, script: str) -> str:
    """The page as it is after a script."""
    path = folder / "page.html"
    path.write_text(page.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    return browse(folder, "--dump-dom", path.as_uri())


def test_a_click_sorts_by_a_column_up_and_down(built: str, tmp_path: Path) -> None:
    click = "document.querySelectorAll('#runs thead button')[3].click();"
    for clicks, turned, sort in ((click, False, "ascending"), (2 * click, True, "descending")):
        dom = in_browser(built, tmp_path, clicks)
        growth = [float(cells[3].partition(">")[2]) for _, cells in rows(dom)[1:-1]]
        assert growth == sorted(growth, reverse=turned)
        assert f'aria-sort="{sort}"' in dom


def test_words_filter_rows(built: str, tmp_path: Path) -> None:
    type_in = "const i = document.querySelector('#runs input'); i.value = 'TUNED client_0'; i.oninput();"
    dom = in_browser(built, tmp_path, type_in)
    shown = [cells for about, cells in rows(dom) if "hidden" not in about]
    assert shown
    assert all("tuned" in cells[2] and "client_0" in cells[0] for cells in shown)
    assert f"{len(shown)} of 13" in dom


def test_without_scripts_it_is_a_plain_table(built: str) -> None:
    plain = re.sub(r"<script>.*?</script>", "", built, flags=re.DOTALL)
    assert plain.count("<tr>") == 14
    assert "<button" not in plain
    assert "<input" not in plain
    assert not re.search(r"https?:|src=|import\(|fetch|url\(|XMLHttp", built)


def test_each_change_has_a_line(built: str, tmp_path: Path) -> None:
    said = "document.title = document.querySelector('.changes').innerText.split('\\n').join('|')"
    assert "<title>New: 1 run.|  absent</title>" in in_browser(built, tmp_path, said)


def test_it_fits_every_width_and_both_themes(built: str, tmp_path: Path) -> None:
    check_page(built, drawn=0)


def test_what_all_runs_share_stands_once(built: str) -> None:
    assert built.partition('<section id="runs">')[2].count("draws=1000") == 0
    assert built.count("draws=1000") == 2  # for all, and of the failure
    assert "13 runs of compare_policies: 12 made, 1 failed, all with draws=1000, rl_steps=0" in built


def test_failures_come_first_with_their_reason(built: str) -> None:
    before, _, after = built.partition('<section id="runs">')
    assert "1 of 13 runs failed" in before
    assert re.search(
        r"<li>no file absent.yaml <small>\(<a href=[^>]*>absent draws=1000, rl_steps=0, reference=9</a>", before
    )
    assert "no file" not in after
    assert "<td><b>failed</b>" in after


def test_a_verdict_says_who_and_how_much(built: str) -> None:
    assert "recommended, and what it gains a year" in built
    assert re.search(r"<td>tuned: gains \d\.\d bp", built)
    assert "<td>keep quarterly" in built
    none = {"policy": "", "now": "quarterly", "gain": float("nan")}
    assert (verdict_words(none), verdict_words(none | {"policy": "edge"})) == ("none", "edge")
    assert verdict_words(none | {"policy": "quarterly"}) == "keep quarterly"


def test_a_thousand_runs_are_a_small_page() -> None:
    assert page()["bytes"] < BYTES


def test_a_picture_goes_through_the_drawdowns_on_the_scale_of_all_runs() -> None:
    begin, moves = curve([0.0, -0.5, -0.25, -0.25, -1.0, 0.0], -1.0)[1:].split("l")
    points, numbers = [tuple(map(int, begin.split()))], list(map(int, re.findall(r"-?\d+", moves)))
    for across, down in zip(numbers[::2], numbers[1::2], strict=True):
        points.append((points[-1][0] + across, points[-1][1] + down))
    assert points == [(0, 0), (4, 6), (8, 3), (12, 3), (16, 12), (20, 0)]
    assert curve([], -1.0) == curve([0.0, 0.0], 0.0) == ""
    assert curve([0.0, -0.5, -1.0], -1.0) == f"M0 0l{2 * STEP} {HEIGHT}"  # on one line


def test_the_trades_of_a_model_are_marked_as_its_own() -> None:
    model, *clients = runs(3, 1)
    made = batch_html(
        "nightly", "compare_policies", table_of_outcomes([model, *(replace(c, report=model.run) for c in clients)])
    )
    assert re.findall(r"<td>([^<]*) <small>of the model</small>", made) == [_trades(model.orders, model.turnover)]
    shared = batch_html(
        "nightly", "compare_policies", table_of_outcomes([replace(c, report=model.run) for c in (model, *clients)])
    )
    assert "of the model" not in shared
