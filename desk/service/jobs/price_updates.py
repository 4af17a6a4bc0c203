"""Prices of stored portfolios, brought up to date by themselves beside a server of one machine."""

import logging
import time
from datetime import timedelta
from threading import Thread

from sqlalchemy import select

from desk.feeds.adapters import ADAPTERS
from desk.service.caller import Caller, Service
from desk.service.jobs.queue import OPEN_STATES
from desk.service.jobs.worker import PRICES_JOB
from desk.service.limited import limited
from desk.service.portfolios.stored import found_content, written_out
from desk.service.prices import booked_job, planned_requests
from desk.service.problems import Problem
from desk.service.store.engine import NO_DATABASE
from desk.service.store.tables import QueuedJob, StoredPortfolio, User, now
from foundation.errors import InputError

LOG = logging.getLogger("rebalance.service")
LOOK_EVERY = 900.0  # seconds between two looks
AGAIN = timedelta(hours=4)  # between two jobs of a portfolio: a source may have a session late


def start_updates(service: Service) -> None:
    """Look for missing prices until this process ends."""

    def look() -> None:
        while True:
            try:
                update_prices(service)
            except NO_DATABASE as error:
                LOG.warning("failed", extra={"fields": {"why": f"prices were not looked at: {error}"}})
            time.sleep(LOOK_EVERY)

    Thread(target=look, daemon=True).start()


def update_prices(service: Service) -> list[str]:
    """Queue a job for a portfolio whose source has sessions that its store lacks, in the name of its owner.

    A tenant has one such job at a time: it may bring what his other portfolios lack. Where no job can be queued, as for
    a source without its key, the log says why.
    Returns : the ids of the portfolios.
    """
    with service.sessions() as session:
        busy = select(QueuedJob.tenant).where(QueuedJob.kind == PRICES_JOB, QueuedJob.state.in_(OPEN_STATES))
        tried = select(QueuedJob.portfolio).where(
            QueuedJob.kind == PRICES_JOB, QueuedJob.portfolio.is_not(None), QueuedJob.created > now() - AGAIN
        )
        wanted = select(StoredPortfolio, User).join(User, User.id == StoredPortfolio.owner)
        wanted = wanted.where(StoredPortfolio.deleted.is_(None), ~User.disabled, StoredPortfolio.id.not_in(tried))
        rows = session.execute(
            wanted.where(StoredPortfolio.tenant.not_in(busy)).order_by(StoredPortfolio.created)
        ).all()
    queued: dict[str, str] = {}
    for portfolio, user in rows:
        if portfolio.tenant not in queued and _is_queued(
            service, portfolio.id, Caller(user.id, user.name, user.tenant, user.role)
        ):
            queued[portfolio.tenant] = portfolio.id
    return [*queued.values()]


def _is_queued(service: Service, portfolio: str, owner: Caller) -> bool:
    """Queue the job of a portfolio where prices of it are missing."""
    try:
        market = found_content(service, owner, portfolio).tree.get("market")
        if not (isinstance(market, dict) and market.get("source") in ADAPTERS):
            return False
        file = written_out(service, owner, portfolio)
        requests = limited(planned_requests, str(file), home=service.root(owner.tenant))["requests"]
        if any(requests.values()):
            booked_job(service, owner, file, requests, portfolio)
            return True
    except (Problem, InputError, OSError, RuntimeError) as error:  # of the disk, or as `limited` fails: the next one
        LOG.warning("failed", extra={"fields": {"why": f"prices of {portfolio} were not asked for: {error}"}})
    return False
