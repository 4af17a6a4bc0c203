"""`rebalance serve`, `worker` and `mcp`: the service over HTTP, its jobs, and its tools for an assistant."""

from pathlib import Path

import typer

from desk.cli.command_types import is_alone
from desk.cli.options import option, starting
from desk.commands.terminal import print_text


def serve(
    context: typer.Context,
    host: str | None = option("Address to listen on. [default: HOST, else 127.0.0.1]"),
    port: int | None = option("Port; 0 takes a free one. [default: PORT, else 5000]", min=0, max=65535),
    tls_cert: Path | None = option("Certificate of the service, PEM."),
    tls_key: Path | None = option("Its private key, PEM."),
    behind_proxy: bool = option("A proxy speaks TLS, and states who asks in X-Forwarded-For."),
    open_only: bool = option("Answer the payload endpoints alone, to anyone, and nothing that is stored.", "--open"),
    browser: bool = option("Open its pages in a browser; the first time, to set your password."),
    database: str | None = option("URL of the database. [default: DATABASE_URL, else SQLite]"),
) -> None:
    """Answer over HTTP what the command line gives. Ctrl-C ends it; SIGTERM lets running requests end first.

    On 127.0.0.1 the payload endpoints answer without sign-in. On another address it starts when an admin exists, and
    TLS or a proxy is stated. Also read: PUBLIC_URL, REDIS_URL, BEHIND_PROXY and RATE.
    """
    if not is_alone(context):
        return
    with starting():
        import webbrowser
        from dataclasses import replace

        from desk.service.app import create_app
        from desk.service.guards.observed import log_lines
        from desk.service.serving import announcement, as_browsers_call, check_start, first_page, listening, run_server
        from desk.service.settings import settings_of

    stated = settings_of()
    settings = replace(
        stated,
        host=host or stated.host,
        port=stated.port if port is None else port,
        database=database or stated.database,
        tls=tuple(path for path in (tls_cert, tls_key) if path is not None),
        behind_proxy=behind_proxy or stated.behind_proxy,
        open_only=open_only,
    )
    log_lines()
    with listening(settings) as listener:
        settings = replace(settings, port=listener.getsockname()[1])
        settings = as_browsers_call(settings) if browser else settings
        app = create_app(settings)
        check_start(app.state.service)
        print_text(announcement(settings))
        if browser:
            webbrowser.open(first_page(app.state.service))
        run_server(app, listener, settings)


def worker(once: bool = option("Do the jobs that wait now, and end.")) -> None:
    """Do jobs of the service until it is terminated.

    One at a time: start as many workers as the machine has cores to spare. It takes DATABASE_URL and the folder of
    the service from the environment, as `rebalance serve` does. Terminated, it gives the job under way a minute to
    end, and puts it back in the queue where it does not.
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


def mcp(
    portfolio: str = option("Id or name of the portfolio of calls that name none. [default: the only one]"),
    elicit: bool = option("Let the user approve by elicitation, if the client shows it to him."),
) -> None:
    """Answer an assistant by the Model Context Protocol, on stdio.

    The assistant acts for the user of the access token in REBALANCE_TOKEN; without one, for the only user that the
    service has. What it orders waits as a ticket, which a person approves elsewhere. Also read: DATABASE_URL.
    """
    with starting():
        import os

        from desk.service.caller import opened_service
        from desk.service.client import TOKEN
        from desk.service.settings import settings_of
        from desk.service.tools.transports import run_on_stdio

    run_on_stdio(opened_service(settings_of()), os.environ.get(TOKEN, ""), portfolio, elicits=elicit)
