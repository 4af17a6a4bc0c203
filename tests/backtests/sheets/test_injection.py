"""Names that mean harm, on pages opened in a browser: no script runs, no request leaves, no element is injected."""

import html
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import Elements, browse, without_script
from commanded import FILE
from learned import COSTS, PENALTY, YEAR, carded, two_lines
from swept import swept
from written import words_written

from backtests.comparison import Comparison, compare
from backtests.comparison.paired import expected_losses
from backtests.engine.run import backtest
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.scores import score
from backtests.laboratory.learned.results import results_of
from backtests.laboratory.learned.saved import write_results
from backtests.runs.batch_changes import Changes
from backtests.runs.folder import Run
from backtests.sheets.pages.batch import batch_html
from backtests.sheets.pages.plan_sheet import write_plan_sheet
from backtests.sheets.pages.policy_card import write_card
from backtests.sheets.pages.risk_sheet import write_risk_sheet
from backtests.sheets.pages.sweep import sweep_cell, sweep_sheet
from backtests.today.holdings_risk import holdings_risk
from backtests.today.plan import LifeOfPlan
from desk.commands.batch.run import Outcome, table_of_outcomes
from desk.commands.report import trades_of
from research.allocation import FixedWeights, target_path
from research.learning import Training
from research.market import Market
from research.orders import trade_list
from research.portfolio import load_portfolio
from research.risk.stress.shocks import Shock

# Each calls `top.hit` where it runs, and asks for a page of `SERVER` where it is taken for an address.
SERVER = "http://127.0.0.1:PORT"
PAYLOADS = (
    "<img src=x onerror=top.hit('img')>", "\"><script>top.hit('script')</script>", "'><svg onload=top.hit('svg')>",
    "</style><script>top.hit('style')</script>", f"</title></svg><img src={SERVER}/img>",
    "javascript:top.hit('address')", "{{7*7}}{% raw %}${7*7}", f"--></textarea><iframe src={SERVER}/frame></iframe>",
    "&lt;script&gt;top.hit('twice')&lt;/script&gt;", f"@import url({SERVER}/css);",
    f");background:url({SERVER}/background", "</text><foreignObject><body onload=top.hit('foreign')>",
    '" autofocus tabindex=0 onfocus=top.hit(1) x="', "]]><set attributeName=onmouseover to=top.hit(2)>",
)  # fmt: skip
LOOK = """
const hits = [];
window.hit = what => { hits.push(what); };
function look(page) {
  const all = [...page.querySelectorAll('*')], names = all.flatMap(e => [...e.attributes].map(a => [a.name, a.value]));
  return {
    tags: [...new Set(all.map(e => e.localName))].sort(),
    handlers: names.filter(([name]) => /^on/i.test(name)),
    addresses: names.filter(([name, value]) =>
      /^(xlink:)?href$|^src|^action$|^data$|^style$/i.test(name) && /javascript:|\\/\\/|url\\((?!#)/i.test(value)),
    requests: page.defaultView.performance.getEntriesByType('resource').map(e => e.name),
    text: page.documentElement.textContent,
  };
}
onload = () => { for (const [k, source] of PAGES.entries()) {
  const frame = document.createElement('iframe');
  frame.style.cssText = 'border:0;height:900px;width:1000px';
  frame.srcdoc = source;
  frame.onload = () => setTimeout(() => {
    const found = document.createElement('pre');
    found.textContent = JSON.stringify({page: k, ...look(frame.contentDocument), hits});
    document.body.append(found);
  }, 200);
  document.body.append(frame);
} };
"""


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, list[str]]]:
    """The address of a server on this machine, and the paths that it was asked for."""
    asked: list[str] = []

    class Noting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Noting)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}", asked
    running.shutdown()


def found_in(pages: list[str], folder: Path) -> list[dict[str, object]]:
    """What a browser has of each page after it was opened."""
    sources = json.dumps(pages).replace("</", "<\\/").replace("<!--", "<\\!--")
    path = folder / "frames.html"
    path.write_text(
        f"<!doctype html><meta charset=utf-8><body><script>{LOOK.replace('PAGES', sources)}</script>", encoding="utf-8"
    )
    printed = browse(folder, "--dump-dom", path.as_uri())
    found = [json.loads(html.unescape(text)) for text in re.findall(r"<pre>(.*?)</pre>", printed, flags=re.DOTALL)]
    assert len(found) == len(pages), printed[-2000:]
    return sorted(found, key=lambda one: one["page"])


def check_harmless(
    pages: dict[str, str], like: dict[str, str], shown: dict[str, str], server: tuple[str, list[str]], folder: Path
) -> None:
    """Opened in a browser, pages do nothing, consist of the elements of their harmless twins, and show names as text.

    pages : by name.  like : their twins.  shown : by name, a payload that is to be read on the page.
    """
    address, asked = server
    before = len(asked)
    hostile = {name: without_script(page).replace(SERVER, address) for name, page in pages.items()}
    like = {name: without_script(page) for name, page in like.items()}
    for name, one in zip(hostile, found_in(list(hostile.values()), folder), strict=True):
        assert one["hits"] == [], name
        assert one["handlers"] == [], name
        assert one["addresses"] == [], name
        assert one["requests"] == [], name
        tags = {tag.lower() for tag, _ in Elements(like[name]).found} | BROWSERS
        assert set(map(str.lower, one["tags"])) <= tags, name
        if not name.startswith(("comparison", "backtest", "cell", "sheet", "batch")):
            assert not tags & INJECTED, name
        assert shown.get(name, "").replace(SERVER, address) in str(one["text"]), name
    assert asked[before:] == []


INJECTED = {"script", "img", "iframe", "object", "embed", "foreignobject"}  # what payloads are made of
BROWSERS = {"html", "head", "body", "tbody", "lineargradient", "clippath"}  # written or not, and in whatever case


def as_name(payload: str) -> str:
    """As much of a payload as a name may have."""
    return payload.replace("/", "")[:80]


def lines_named(market: Market, *names: str) -> Market:
    assets = tuple(map(as_name, names))
    return replace(market, assets=assets, instruments=market.instruments.set_axis(pd.Index(assets, name="asset")))


def test_the_harness_sees_a_page_that_escapes_nothing(server: tuple[str, list[str]], tmp_path: Path) -> None:
    """A negative control: without escaping, the payloads do what they are made for."""
    address, asked = server
    raw = "".join(f"<p>{payload}</p>" for payload in PAYLOADS[:2]) + f"<img src={SERVER}/img>"
    (found,) = found_in([raw.replace(SERVER, address)], tmp_path)
    assert {"img", "script"} <= set(found["hits"])  # type: ignore[call-overload]
    assert found["handlers"]
    assert found["addresses"]
    assert "script" in found["tags"]  # type: ignore[operator]
    assert "/img" in asked


def test_tearsheet_and_trade_lists_do_nothing(
    comparison: Comparison, folder: Path, server: tuple[str, list[str]], tmp_path: Path
) -> None:
    """Their harmless twins are the sheet of the main portfolio and a list of its trades."""
    desk = load_portfolio(FILE)
    rule = desk.policies["threshold"]
    named = replace(
        desk, name=as_name(PAYLOADS[0]), file=f"/desk/{PAYLOADS[1].replace('/', '')}.yaml",
        market=replace(lines_named(desk.market, *PAYLOADS[2:4]), name=PAYLOADS[4]),
        policies={"quarterly": desk.policies["quarterly"], **dict.fromkeys(map(as_name, PAYLOADS[4:8]), rule)},
    )  # fmt: skip
    hostile = compare(named, draws=100)
    origin = Run(PAYLOADS[8], PAYLOADS[9], "2022-12-29", {}, "4105457f5e4366f4" * 4, PAYLOADS[10])
    words_written(hostile, trades_of(hostile, PAYLOADS[11]), origin, tmp_path)
    pages = {"tearsheet": (tmp_path / "tearsheet.html").read_text(encoding="utf-8")}
    pages["comparison"] = hostile._repr_html_()
    pages["backtest"] = hostile.backtests[as_name(PAYLOADS[4])]._repr_html_()
    plain = f"<title>t</title>{trades_of(comparison)._repr_html_()}"
    like = {"tearsheet": (folder / "tearsheet.html").read_text(encoding="utf-8") + plain}
    like["comparison"] = comparison._repr_html_()
    like["backtest"] = comparison.backtests["threshold"]._repr_html_()
    for k in range(0, len(PAYLOADS), 2):
        one = replace(named, name=as_name(PAYLOADS[k - 1]), market=lines_named(desk.market, *PAYLOADS[k : k + 2]))
        listed = trade_list(one, rule, PAYLOADS[k - 2], run=PAYLOADS[k - 3])
        pages[f"trades {k}"] = f"<!doctype html><title>t</title>{listed._repr_html_()}"
        like[f"trades {k}"] = plain
    shown = {f"trades {k}": as_name(PAYLOADS[k]) for k in range(0, len(PAYLOADS), 2)}
    shown |= {"tearsheet": PAYLOADS[0], "comparison": PAYLOADS[6], "backtest": as_name(PAYLOADS[4])}
    check_harmless(pages, like, shown, server, tmp_path)


def test_a_risk_sheet_and_the_sheet_of_one_policy_do_nothing(server: tuple[str, list[str]], tmp_path: Path) -> None:
    pages, like = {}, {}
    for kind, payloads in (("hostile", PAYLOADS), ("plain", tuple(f"name {k}" for k in range(len(PAYLOADS))))):
        desk = load_portfolio(FILE)
        market = lines_named(desk.market, *payloads[2:4])
        table = market.instruments.assign(asset_class=list(payloads[4:6]), currency=[payloads[8]] * 2)
        market = replace(market, instruments=table, name=payloads[6])
        shocks = (Shock(payloads[7], {payloads[4]: -0.2}),)
        named = replace(
            desk, name=as_name(payloads[0]), market=market, stress=replace(desk.stress, shocks=shocks), policy=None
        )
        rule, name = desk.policies["quarterly"], as_name(payloads[10])
        risk = holdings_risk(named, {name: rule}, paths=50, notes=[payloads[11]])
        (tmp_path / kind).mkdir()
        write_risk_sheet(tmp_path / kind, risk, {payloads[12]: payloads[13], "Run": payloads[3]})
        made = {"risk": (tmp_path / kind / "risk.html").read_text(encoding="utf-8")}
        played = backtest(market, rule, desk.costs, start="2021-01-04", name=name)
        origin = Run(payloads[8], payloads[9], "2022-12-29", {}, "4105457f5e4366f4" * 4, payloads[3])
        sheet = replace(
            played.sheet(), title=payloads[1], warnings=[payloads[11]], settings={payloads[12]: payloads[13]}
        )
        made |= {"sheet": sheet.page(origin), "cell": sheet._repr_html_()}
        (pages if kind == "hostile" else like).update(made)
    shown = {"risk": as_name(PAYLOADS[0]), "sheet": PAYLOADS[1], "cell": PAYLOADS[11]}
    check_harmless(pages, like, shown, server, tmp_path)


def test_the_page_of_a_plan_does_nothing(life: LifeOfPlan, server: tuple[str, list[str]], tmp_path: Path) -> None:
    pages, like = {}, {}
    for kind, payloads in (("hostile", PAYLOADS), ("plain", tuple(f"name {k}" for k in range(len(PAYLOADS))))):
        named = replace(
            life, portfolio=replace(life.portfolio, name=as_name(payloads[0])),
            policies=dict(zip(map(as_name, payloads[1:3]), life.policies.values(), strict=True)),
            left_out={payloads[4]: payloads[5]}, law=payloads[6], laws=dict.fromkeys(payloads[7:9], life.known),
        )  # fmt: skip
        (tmp_path / kind).mkdir()
        write_plan_sheet(tmp_path / kind, named, {payloads[12]: payloads[13], "Run": payloads[3]}, [payloads[11]])
        (pages if kind == "hostile" else like)["plan"] = (tmp_path / kind / "plan.html").read_text(encoding="utf-8")
    check_harmless(pages, like, {"plan": as_name(PAYLOADS[0])}, server, tmp_path)


def test_the_page_of_a_batch_does_nothing(server: tuple[str, list[str]], tmp_path: Path) -> None:
    pages, like = {}, {}
    for kind, payloads in (("hostile", PAYLOADS), ("plain", tuple(f"name {k}" for k in range(len(PAYLOADS))))):
        rows = [
            Outcome(
                one, (f"draws={other}",), other, status, policy=other, verdict=one, growth=0.05, orders=1, turnover=0.1,
                warnings=f"{one}\n{other}", drawdowns=(0.0, -0.2), page=f"../{as_name(other)}/tearsheet.html",
            )
            for status, one, other in zip(("made", "failed") * 7, payloads, payloads[1:] + payloads[:1], strict=True)
        ]  # fmt: skip
        runs = [(row.portfolio, row.parameters) for row in rows]
        changes = Changes(2, {runs[0]: (payloads[4], payloads[5])}, {}, runs[1:3], [(payloads[6], (payloads[7],))])
        page = batch_html(payloads[0], payloads[1], table_of_outcomes(rows), changes)
        (pages if kind == "hostile" else like)["batch"] = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    check_harmless(pages, like, {"batch": PAYLOADS[3]}, server, tmp_path)


def test_a_policy_card_does_nothing(server: tuple[str, list[str]], tmp_path: Path) -> None:
    pages, like = {}, {}
    for kind, payloads in (("hostile", PAYLOADS), ("plain", ("one", "two", "three", "four"))):
        folder = tmp_path / kind / as_name(payloads[0])
        market = lines_named(two_lines(500, seed=1), *payloads[1:3])
        before = market.until(market.dates[350])
        policies = {seed: carded(before, seed) for seed in (1,)}
        training = Training(policies, {1: 2.55}, closed_form=3.0, never=60.0)
        training.save(folder)
        played = {
            seed: backtest(market, one, COSTS, start=market.dates[351], periods_per_year=YEAR, name=payloads[3])
            for seed, one in policies.items()
        }
        benchmark = Benchmark(target_path(FixedWeights((0.4, 0.3)), market), np.zeros(2), np.ones(2), PENALTY, YEAR)
        scores = {seed: score(one, benchmark) for seed, one in played.items()}
        marks, losses = {payload: 9.0 for payload in payloads}, expected_losses(played, benchmark)
        results = results_of(training, played, scores, losses, marks, payloads[-1])
        results["optimum"] = {"unknown": payloads[2]}  # to look for it takes longer than all the rest
        write_results(folder, json.loads(json.dumps(results)))
        (pages if kind == "hostile" else like)["card"] = write_card(folder).read_text(encoding="utf-8")
    check_harmless(pages, like, {"card": as_name(PAYLOADS[1])}, server, tmp_path)


def test_a_sweep_sheet_does_nothing(server: tuple[str, list[str]], tmp_path: Path) -> None:
    pages, like = {}, {}
    table = swept(bands=(0.01, 0.02), costs=(1.0,), lags=(1,), starts=1)
    harmless = tuple(f"name {k}" for k in range(4))
    for kind, payloads in (("hostile 0", PAYLOADS[:7]), ("hostile 7", PAYLOADS[7:]), ("plain", harmless)):
        few = payloads if kind != "plain" else payloads[:2]
        named = pd.concat([table.assign(portfolio=payload) for payload in few], ignore_index=True)
        named["configuration"] = np.arange(len(named))
        made = {"sheet": sweep_sheet(named, title=payloads[2], run={payloads[0]: payloads[1]}).page}
        made["cell"] = sweep_cell(named, title=payloads[3])
        for name, page in made.items():
            (like if kind == "plain" else pages)[f"{name} of {kind}"] = page
    like = {name: like[f"{name.split()[0]} of plain"] for name in pages}
    shown = {f"{name} of hostile {k}": PAYLOADS[k + 2] for name in ("sheet", "cell") for k in (0, 7)}
    check_harmless(pages, like, shown, server, tmp_path)
