"""The resources: the sheet, the journal and the policy cards of a portfolio, as the service keeps them."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from desk.service.orders import entries_of
from desk.service.problems import Problem
from desk.service.routes import jobs
from desk.service.tools.reading import TEARSHEET, content_of_job, name_of, newest_report
from desk.service.tools.tool import ROWS, Desk

BEGINNING = "rebalance://portfolios/{portfolio}/"
RESOURCES: Mapping[str, str] = {  # and what each is
    "sheet": "The numbers of the newest report on a portfolio: figures, evidence, costs, risk and recommendation.",
    "journal": f"The newest {ROWS} entries of the journal of a portfolio.",
    "cards": "The cards of the learned policies that the newest report on a portfolio trained, by file.",
}
NEEDED = {"sheet": "jobs", "journal": "orders", "cards": "jobs"}  # scopes
URI = re.compile(rf"{re.escape(BEGINNING).replace(re.escape('{portfolio}'), '(?P<portfolio>[^/]+)')}(?P<what>\w+)")


def content_at(desk: Desk, uri: str) -> str:
    """The content of a resource, JSON. Raises Problem 403, and 404 for an address of none."""
    found = URI.fullmatch(uri)
    if found is None or found["what"] not in RESOURCES:
        raise Problem(404, f"There is no such resource: read {BEGINNING}, and then one of {', '.join(RESOURCES)}.")
    desk.caller.check("viewer", NEEDED[found["what"]])
    portfolio = desk.portfolio(found["portfolio"])
    if found["what"] == "journal":
        root, name = desk.service.root(desk.caller.tenant), name_of(desk, portfolio)
        return json.dumps([each.model_dump() for each in entries_of(root, ROWS, portfolios=[name])])
    job = newest_report(desk, portfolio)
    if found["what"] == "sheet":
        return content_of_job(desk, job, TEARSHEET)
    names = jobs.job(job, desk.caller, desk.service).files
    cards = [name for name in names if Path(name).name == "card.json"]
    return json.dumps({name: json.loads(content_of_job(desk, job, name)) for name in cards})
