"""The governance of portfolio files: models and their validation, controls in force, surveillance, approvals."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from backtests.runs.folder import reports_folder
from backtests.runs.manifest import past_runs
from backtests.sheets.parts import Part, Words, section_blocks
from desk.commands.orders.tca import cost_report
from desk.commands.orders.trades import newest_run, policy_now, today_of
from desk.cycle.monitor import NORMAL_LEVEL, Reading, feature_drift
from desk.exchange.stops import pause_file, stop_file
from desk.journal import Journal
from desk.journal.journal import JOURNAL
from desk.journal.records import Approved, Refused
from desk.journal.tickets import moment_text
from desk.journal.verify import verify
from desk.tca.page import table_block
from desk.tca.report import Report, WordsTable
from desk.tca.text import table_text
from desk.tickets.order_ids import list_id
from foundation.arguments import refuse
from foundation.canonical import content_hash
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError, DataError
from foundation.files import write_whole, writing
from foundation.home import home_folder
from foundation.paper.render import PAPER_PACKAGE, Running, fill_template
from foundation.paper.text_tables import warnings_text, wrapped
from foundation.paper.wording import counted, listed, number
from foundation.progress import bar
from research.learning import LearnedPolicy
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.file.settings import plain
from research.rules.protocol import fitted_until, long_name

CHAMPION, CHALLENGER = "champion", "challenger"
SHORT, DAY = 8, 10  # letters of a hash in a table, and of a day
APPROVALS_SHOWN = 50  # approvals and refusals that are shown, the newest
SURVEILLED = ("parts", "costs", "orders")  # tables of the report on costs
GOVERNED_LIMITS = ("minimum_trade", "tracking_error", "max_days_outside", "max_drawdown")
UNKNOWN = "–"


@dataclass(frozen=True, eq=False)
class Governed:
    """The governance of a portfolio.

    portfolio : the portfolio.
    today     : day of the page.
    reports   : folder of the runs.
    """

    portfolio: Portfolio
    today: pd.Timestamp
    reports: Path

    @cached_property
    def valid_run(self) -> tuple[Path, dict[str, Any]] | None:
        """The newest whole run of the same file and data, or None; of a shared one the folder may name another client.

        The `run` of its facts is the one to be shown.
        """
        return newest_run(self.portfolio, self.reports)

    @property
    def recommended(self) -> str | None:
        """The policy that the newest whole run of the same file and data recommends."""
        return None if self.valid_run is None else self.valid_run[1]["recommendation"]["policy"]

    @property
    def champion(self) -> str | None:
        """The policy in force: that of the file, else the one that is recommended."""
        return self.portfolio.policy or self.recommended

    @cached_property
    def rules(self) -> dict[str, Any]:
        """By name each policy, ready to decide; None where it must be fitted first."""
        found: dict[str, Any] = {}
        for name in self.portfolio.policies:
            try:
                found[name] = policy_now(self.portfolio, name, self.reports)[0]
            except (ConfigError, DataError):
                found[name] = None
        return found

    # -- sentences ---------------------------------------------------------------------------------------------------

    @property
    def head(self) -> list[str]:
        """Sentences on who answers, what is in force and when it was validated."""
        owner, review = self.portfolio.governance.owner, self.portfolio.governance.review
        until = (
            "no day is set for the next review" if review is None else f"the next review is due by {review:%Y-%m-%d}"
        )
        force = f"policy {self.champion} is in force" if self.champion else "no policy is in force"
        head = f"{owner or 'Nobody'} answers for {self.portfolio.name}; {until}; {force}."
        return [head, self.validated, *(f"{card} {self.drifts[name].sentence}." for name, card in self.cards.items())]

    @cached_property
    def cards(self) -> dict[str, str]:
        """By name a sentence of the card of each learned policy."""
        cards = {name: rule.card for name, rule in self.rules.items() if isinstance(rule, LearnedPolicy)}
        lost = {name: number(card["targets"][-1]["loss"]["learned"]) for name, card in cards.items()}
        text = "{}, of seed {}, lost {} bp of NAV a year in training paths."
        return {name: text.format(name, card["seed"], lost[name]) for name, card in cards.items()}

    @cached_property
    def drifts(self) -> dict[str, Reading]:
        """By name the drift of the features of each learned policy."""
        return {name: feature_drift(self.portfolio, self.rules[name], name) for name in self.cards}

    @property
    def validated(self) -> str:
        """A sentence on the last validation: by a run of the same file and data, else by one of a file of this name."""
        runs, again = dict(past_runs(self.reports).whole), f"rebalance report {self.portfolio.file}"
        of_name = [path for path, made in runs.items() if made["portfolio"] == Path(self.portfolio.file).stem]
        if self.valid_run is None and not of_name:
            return f"No whole run has validated it: {again}"
        folder = of_name[0] if self.valid_run is None else self.valid_run[0]
        run = folder.name if self.valid_run is None else self.valid_run[1]["run"]
        last = f"It was last validated on {runs[folder]['times']['ended'][:10]} by run {run}"
        if self.valid_run is None:
            return f"{last}; the file or its data have changed since: {again}"
        return f"{last}, of the same file and data, which recommends {self.recommended or 'none of its policies'}."

    @property
    def flags(self) -> Iterator[str]:
        """Sentences on what somebody has to look at."""
        name, terms = self.portfolio.name, self.portfolio.governance
        if terms.owner is None:
            yield f"{name} has no owner: add `governance: {{owner: …}}` to {self.portfolio.file}."
        if terms.review is not None and terms.review < self.today:
            yield f"The review of {name} was due by {terms.review:%Y-%m-%d}."
        if self.valid_run is None:
            yield f"{name}: {self.validated}"
        if self.recommended not in (None, self.champion):
            yield f"{name}: the newest run recommends {self.recommended}, and {self.champion} is in force."
        yield from (f"{name}: {each.sentence}." for each in self.drifts.values() if each.level != NORMAL_LEVEL)
        if self.altered:
            yield f"{self.altered[0].upper()}{self.altered[1:]}."
        if stop_file():
            yield f"Nothing is sent while {stop_file()} is there."
        if pause_file():
            yield f"No cycle sends while {pause_file()} is there."

    @cached_property
    def altered(self) -> str:
        """A sentence, without its period, on what of the journal was altered; "" where it is whole or not there."""
        if not (home_folder() / JOURNAL).is_file():
            return ""
        with Journal(read_only=True) as journal:
            return verify(journal).alarm

    # -- tables ------------------------------------------------------------------------------------------------------

    @cached_property
    def costs(self) -> Report | str:
        """The report on what its journalled orders cost, or why there is none."""
        try:
            return cost_report(portfolios=[self.portfolio], reports=self.reports)
        except (ConfigError, DataError) as error:
            return str(error)

    @property
    def surveillance(self) -> list[str]:
        """Sentences on what its orders cost against what was expected, and on those that are open or unusual."""
        if isinstance(self.costs, str):
            return [f"What its orders cost is not known: {self.costs}"]
        return [*self.costs.headlines, *self.costs.warnings]

    def tables(self) -> Iterator[WordsTable]:
        """The tables in turn."""
        yield self.models()
        yield self.controls()
        if not isinstance(self.costs, str):
            yield from (each for each in self.costs.tables() if each.key in SURVEILLED)
        if judged := list(self.judged()):
            heads = ("moment, UTC", "person", "list", "word", "reason")
            yield _table("approvals", "Approvals and refusals, the newest first", heads, judged)

    def models(self) -> WordsTable:
        """Policies and forecasts with their versions and what they were fitted to."""
        rows = []
        for name, rule in self.rules.items():
            card = rule.card if isinstance(rule, LearnedPolicy) else {}
            role = CHAMPION if name == self.champion else CHALLENGER
            words = long_name(rule or self.portfolio.policies[name], self.portfolio.strategic)
            version = content_hash([self.portfolio.settings["policies"][name], card])[:SHORT]
            trained = "{market}, {first} to {last}".format(**card["saw"]) if card else UNKNOWN
            until = "to be fitted" if rule is None else str(fitted_until(rule) or UNKNOWN)[:DAY]
            rows.append([name, role, words, version, trained, until])
        settings = self.portfolio.settings.get("forecasts", {}).get("models", {})
        for k, (name, stated) in enumerate(settings.items()):
            role = f"forecast, {CHALLENGER if k else CHAMPION}"
            rows.append([name, role, str(stated["kind"]), content_hash(stated)[:SHORT], UNKNOWN, UNKNOWN])
        heads = ("model", "role", "what it does", "version", "trained on", "fitted until")
        return _table("models", "Models; version: sha256 of settings and card", heads, rows)

    def controls(self) -> WordsTable:
        """The controls before a trade, by the keys of the file, defaults filled in."""
        of, sending = self.portfolio, self.portfolio.ticket.sending
        stated = {
            "orders": plain(of.orders, without=("weights",)) | {"limits of weights": len(of.orders.weights)},
            "limits": {k: v for k in GOVERNED_LIMITS if (v := getattr(of.limits, k)) is not None},
            "ticket": {"approvals": of.ticket.approvals, "sending": "no limits" if sending is None else plain(sending)},
            "cycle": plain(of.cycle),
        }
        rows = [row for key, values in stated.items() for row in _groups(key, values)]
        rows.append(["STOP", stop_file() or "not there: orders can be sent"])
        free = "not there; STOP is" if stop_file() else "not there: cycles can send"
        rows.append(["PAUSE", pause_file() or free])
        heads = ("key of the file", "values in force")
        return _table("controls", "Controls before a trade, defaults filled in", heads, rows)

    def judged(self) -> Iterator[list[str]]:
        """The approvals and refusals of its lists, the newest first."""
        if not (home_folder() / JOURNAL).is_file():
            return
        with Journal(read_only=True) as journal:
            kinds, of = (Approved.kind, Refused.kind), self.portfolio.name
            found = [each for kind in kinds for each in journal.entries(last=APPROVALS_SHOWN, kind=kind, portfolio=of)]
        for each in sorted(found, key=lambda one: one.sequence, reverse=True):
            reason = "" if each.kind == Approved.kind else f"{each.record.venue} {each.record.reason}".strip()
            yield [moment_text(each), each.user, list_id(each.ticket), each.kind, reason or UNKNOWN]

    # -- forms -------------------------------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """All of it for a terminal."""
        head = [self.portfolio.name, *self.head, *self.surveillance]
        return "\n\n".join(["\n".join(map(wrapped, head)), *map(table_text, self.tables())]) + warnings_text(self.flags)

    @property
    def parts(self) -> list[Part]:
        """Its section of the page."""
        name = self.portfolio.name  # in captions, which tell the tables of several portfolios apart
        tables = [table_block(each._replace(caption=f"{name}: {each.caption}")) for each in self.tables()]
        return [*(Words(each, "") for each in (*self.head, *self.surveillance)), *tables]


def governed(files: Sequence[Path], as_of: str, trust_code: bool | None = None) -> list[Governed]:
    """The governance of the portfolios of files.

    as_of   : day of the page, YYYY-MM-DD; "" takes that of each exchange.
    Raises  : as `load_portfolio` does.
    """
    found = []
    for file in files:
        portfolio = load_portfolio(file, trust_code=trust_code)
        today = today_of(as_of, portfolio.market.calendar)
        assert today is not None
        found.append(Governed(portfolio, today, reports_folder(portfolio.file)))
    return found


def governance_text(files: Sequence[Path], as_of: str, out: Path | None = None, trust_code: bool | None = None) -> str:
    """The governance of files as text; with `out` also written as a page.

    as_of  : as of `governed`.
    Raises : ConfigError for another ending than .html, and as `governed` does.
    """
    if out is not None and out.suffix != ".html":
        refuse("--out is", str(out), "end it with .html.")
    with bar(None, "reading prices, runs and the journal"):
        found = governed(files, as_of, trust_code)
        if out is not None:
            with writing(out):
                write_whole(out, governance_html(found))
    return "\n\n".join(each.text for each in found)


def governance_html(found: Sequence[Governed]) -> str:
    """One page of all of them, without any URL."""
    flags = [flag for each in found for flag in each.flags]
    portfolios = f"{counted(len(found), 'portfolio')} and {counted(len(flags), 'point')} to look at."
    names = [each.portfolio.name for each in found]
    sheet = {
        "eyebrow": "Governance",
        "title": "Models, controls, surveillance and approvals",
        "subtitle": f"On {max(each.today for each in found):%Y-%m-%d}, of {listed(names)}.",
        "headlines": [f"{portfolios[0].upper()}{portfolios[1:]}"],
        "asides": {"To look at": flags},
        "sections": section_blocks((f"p{k}", names[k], names[k], each.parts) for k, each in enumerate(found)),
    }
    return fill_template(PAPER_PACKAGE, "report.html.j2", Running("Governance"), sheet=sheet)


def _table(key: str, caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> WordsTable:
    return WordsTable(key, caption, [(head, "") for head in heads], rows, words=len(heads))


def _groups(key: str, values: Mapping[str, Any]) -> Iterator[list[str]]:
    """Nested settings, a row a group: its key, and its values in words."""
    plain_values = {name: value for name, value in values.items() if not isinstance(value, Mapping)}
    yield [key, "; ".join(f"{name} {_words(value)}" for name, value in plain_values.items())]
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _groups(f"{key}.{name}", value)


def _words(value: Any) -> str:
    many = value if isinstance(value, list | tuple) else [value]
    return ", ".join(f"{each:,.10g}" if isinstance(each, float) else str(each) for each in many)
