"""The look-ahead test of the policies of a portfolio file, and their controls, as text."""

import pickle
import socket
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from backtests.comparison.fitting.candidates import check_trainable, fit
from backtests.runs.folder import path_sent
from backtests.runs.sent_markets import run_on_cluster
from backtests.runs.tasks import check_workers, in_processes, path_here
from backtests.studies.audits.controls import Controls, controls
from backtests.studies.audits.futures import FUTURES
from backtests.studies.audits.look_ahead import DAYS_CHECKED, PASSED, LookAhead
from backtests.studies.audits.portfolio_audit import audit_policy
from desk.commands.made import run_for
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError, DataError
from foundation.paper.text_tables import text_table, wrapped
from foundation.progress import bar
from research.market import Market
from research.portfolio import Portfolio, load_portfolio
from research.rules import Rule

PROGRESS_STEPS = 1_000  # of progress, a policy
HEAD = ["policy", "look-ahead test", "days checked", "decisions", "power"]


@dataclass(frozen=True)
class Audited:
    """The audits of a file by policy, the controls if they were requested, and the text for the terminal."""

    audits: dict[str, LookAhead]
    text: str
    controls: Controls | None = None

    @property
    def found(self) -> bool:
        """True if any policy looks ahead, or earns in a martingale world what nobody can."""
        gains = self.controls is not None and not self.controls.passed
        return gains or any(audit.found for audit in self.audits.values())


def make_audit(
    file: Path,
    policy: str | None = None,
    days: int = DAYS_CHECKED,
    where: tuple[int, str] = (1, ""),
    with_controls: bool = False,
    trust_code: bool | None = None,
) -> Audited:
    """Audit the policies of a portfolio file; tuned and learned ones are fitted first, on days before the test.

    file    : portfolio file.
    policy  : name of one of its policies; None for all.
    days    : largest number of decision days to check for each policy.
    where   : number of processes of this machine, one policy each, and the address of a Dask cluster instead, or "".
    with_controls : true to make the controls of the same policies too.
    trust_code : true if the file may name rules by import path, as for `load_portfolio`.
    Raises  : ConfigError for a policy that is not in the file, for `days` or workers below 1, and as `run_on_cluster`
              does; ConfigError and DataError as `load_portfolio` and `fit` do; PolicyError for a policy that cannot be
              backtested.
    """
    workers, cluster = where
    check_workers(workers)
    if days < 1:
        raise ConfigError(f"days is {days}: give a whole number of 1 or more.")
    with bar(None, "reading prices"):
        portfolio = load_portfolio(file, trust_code=trust_code)
    if policy is not None:
        portfolio.check_policy(policy)
    names = list(portfolio.policies) if policy is None else [policy]
    check_trainable(portfolio, names)
    with bar(len(names), "auditing") as progress:
        ready = {}
        for name in names:
            progress.stage(f"fitting {name}", 0, len(names))
            ready[name] = fit(name, portfolio, progress.stage).policy
        progress.stage("auditing", 0, PROGRESS_STEPS * len(names))
        if cluster or min(workers, len(names)) > 1:
            done = _audited_elsewhere(_Sent.of(portfolio, file, ready, days), names, workers, cluster)
        else:
            done = ((name, _told_audit(name, portfolio, ready[name], days, progress)) for name in names)
        found = {}
        for count, (name, audit) in enumerate(done, 1):
            found[name] = audit
            progress.stage(f"auditing: {name} is done", PROGRESS_STEPS * count)
    audits = {name: found[name] for name in names}
    text, made = audit_text(portfolio, audits), None
    if with_controls:
        made = controls(portfolio, only=names)
        text = f"{text}\n\n{made}"
    return Audited(audits, text, made)


def _told_audit(name: str, portfolio: Portfolio, policy: Rule, days: int, progress: bar) -> LookAhead:
    """The audit of one policy in this process, which moves the progress on by `PROGRESS_STEPS`."""
    before = progress.n

    def tell(share: float) -> None:
        progress.stage(f"auditing {name}", before + int(PROGRESS_STEPS * share))

    return audit_policy(portfolio, partial(_as_fitted, policy), days, progress=tell)


@dataclass(frozen=True)
class _Sent:
    """The audit that another process does of a policy, but its name.

    It reads the file itself, since the class of an own rule cannot be sent; then it can unpickle what was fitted.
    file   : as `path_sent` gives it.
    run    : hash over the settings, data and code of the audit, which must be the same there.
    fitted : pickled: by name, policies that are not those of the file, but tuned or trained.
    """

    file: Path
    trust_code: bool
    run: str
    fitted: bytes
    days: int

    @classmethod
    def of(cls, portfolio: Portfolio, file: Path, ready: Mapping[str, Rule], days: int) -> "_Sent":
        """That of policies that are ready for a backtest."""
        fitted = {name: policy for name, policy in ready.items() if policy is not portfolio.policies[name]}
        return cls(path_sent(file), portfolio.trust_code, _run_of(portfolio), pickle.dumps(fitted), days)


def _run_of(portfolio: Portfolio) -> str:
    return run_for("audit", portfolio, portfolio.settings).name


def _audited_elsewhere(
    sent: _Sent, names: Sequence[str], workers: int, cluster: str
) -> Iterator[tuple[str, LookAhead]]:
    """Policies with their audits as they finish, in processes of this machine or by the workers of a cluster."""
    if cluster:
        return run_on_cluster(sent, _audit_of, names, cluster, "and an audit changes what modules hold")
    return in_processes(partial(_audit_of, sent), names, min(workers, len(names)))


def _audit_of(sent: _Sent, name: str) -> LookAhead:
    """The audit of one policy in another process. Raises DataError where the file or its data are others there."""
    portfolio = load_portfolio(path_here(sent.file), trust_code=sent.trust_code)
    if _run_of(portfolio) != sent.run:
        raise DataError(
            f"{portfolio.file} on {socket.gethostname()}, or its data, are not those with which the audit was begun. "
            "Give all machines the same files."
        )
    policy = pickle.loads(sent.fitted).get(name, portfolio.policies[name])
    return audit_policy(portfolio, partial(_as_fitted, policy), sent.days)


def _as_fitted(policy: Rule, _: Market) -> Rule:
    """The policy, on whatever market."""
    return policy


def audit_text(portfolio: Portfolio, audits: dict[str, LookAhead]) -> str:
    """The audits as a table, with the verdicts that need words.

    portfolio : portfolio that holds the policies.
    audits    : audit of each policy.
    """
    rows = [
        [
            name,
            audit.result,
            f"{len(audit.table):,} of {audit.days:,}",
            f"{int(audit.table['decisions'].iloc[-1]):,}",
            audit.probability if audit.result == PASSED else "",
        ]
        for name, audit in audits.items()
    ]
    whole = all(audit.whole for audit in audits.values() if audit.result == PASSED)
    kinds = "one kind of decision day (a weekday, the start or end of a month, the end of a quarter)"
    said = [f"{name}: {audit.verdict}" for name, audit in audits.items() if audit.result != PASSED]
    said += [f"{name}:{audit.unseen}" for name, audit in audits.items() if audit.result == PASSED and audit.unseen]
    notes = [
        f"Days checked: decision days on which {len(FUTURES)} other markets are tried, one that ends there and two "
        "that continue with other data; all that was decided and booked by then must be the same. Decisions: those to "
        "trade by the last of these days.",
        "Power: the least probability of finding a policy that reads the next day on "
        f"{kinds if whole else 'every decision day'}, and that decides otherwise in one of two futures. With the "
        "market is varied what a rule of your own has from elsewhere.",
    ]
    title = f"{portfolio.name}: look-ahead audit, {portfolio.test_start:%Y-%m-%d} to {portfolio.date:%Y-%m-%d}"
    return "\n\n".join([title, text_table([HEAD, *rows], left=2), *map(wrapped, [*said, *notes])])
