"""A desk with one portfolio, before and after a report."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from assistants import FIGURES, NAME, TEXT, Bench, user_of
from fastapi import FastAPI

from backtests.runs.manifest import sign
from desk.service.caller import Service
from desk.service.portfolios.stored import Content, created
from desk.service.store.tables import QueuedJob, now


@pytest.fixture
def bench(app: FastAPI) -> Bench:
    """A user who may approve, with a portfolio that asks for nobody."""
    service: Service = app.state.service
    caller = user_of(service)
    tree = {"market": "multi_asset_daily", "lines": {"SPY": {}, "AGG": {}}}
    portfolio = created(service, caller, "", Content(NAME, TEXT, tree, {}))
    return Bench(service, caller, portfolio)


@pytest.fixture
def reported(bench: Bench) -> Bench:
    """The same after a report, whose files are few."""
    folder = bench.root / "reports" / "r1"
    folder.mkdir(parents=True)
    recommendation = {"policy": "threshold"}
    sheet = {"figures": FIGURES, "recommendation": recommendation}
    (folder / "tearsheet.json").write_text(json.dumps(sheet))
    (folder / "summary.txt").write_text("threshold is recommended")
    card = folder / "policies" / "rl" / "seed-1" / "card.json"
    card.parent.mkdir(parents=True)
    card.write_text('{"seed": 1}')
    words = dict.fromkeys(("run", "last_day", "fingerprint", "code", "python", "platform"), "r1")
    manifest: dict[str, Any] = {
        **words,
        "kind": "report",
        "portfolio": NAME,
        "settings": {},
        "versions": {},
        "lock": None,
    }
    manifest["recommendation"] = recommendation
    (folder / "manifest.json").write_text(json.dumps(manifest))
    sign(folder, datetime(2022, 12, 30, tzinfo=UTC))
    made = {"kind": "report", "arguments": {}, "version": 1, "state": "done", "run": "r1", "ended": now()}
    with bench.service.sessions.begin() as session:
        session.add(QueuedJob(tenant="house", user=bench.caller.user, portfolio=bench.portfolio, **made))
    return bench
