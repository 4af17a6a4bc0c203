"""`rebalance worker`: the jobs of the service, one at a time."""

from typing import Annotated

import typer

from desk.cli.options import starting


def worker(once: Annotated[bool, typer.Option("--once", help="Do the jobs that wait now, and end.")] = False) -> None:
    """Do jobs of the service, one at a time, until it is terminated. Start as many as the machine has cores to spare.

    It takes DATABASE_URL and the folder of the service from the environment, as `rebalance serve` does. Terminated, it
    gives the job under way a minute to end, and puts it back in the queue where it does not.
    """
    with starting():
        import signal
        from threading import Event

        from desk.service.caller import opened_service
        from desk.service.jobs.worker import work
        from desk.service.settings import settings_of

    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    work(opened_service(settings_of()), stop, once=once)
