"""`rebalance research cluster` and `compile`: workers on this machine, and its compiled code."""

from typing import Annotated

import typer

from desk.cli.options import kept, starting
from desk.commands.terminal import print_text


def cluster(
    address: Annotated[
        str,
        typer.Argument(help="Address of the scheduler to join, such as tls://10.0.0.1:8786. [default: start one here]"),
    ] = "",
    workers: Annotated[
        int | None, typer.Option(help="Processes of one thread. [default: one a core]", show_default=False)
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            help="Address of this machine to listen on; any but 127.0.0.1 needs a certificate. [default: 127.0.0.1]"
        ),
    ] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the scheduler; 0 takes a free one.")] = 8786,
) -> None:
    """Start a Dask cluster, or workers for one that is running.

    It serves `--cluster`. With ADDRESS, its workers join the cluster there.
    """
    with starting():
        from desk.commands.cluster import LOCAL_HOST, join, serve

    if address:
        join(address, host, workers)
    serve(host or LOCAL_HOST, port, workers)


def compile_now() -> None:
    """Compile what report, backtest and trades need on this machine. Existing compiled code is only checked."""
    with starting():
        from desk.commands.compile_kernels import compile_kernels

    with kept("kernels"):
        compiled = compile_kernels()
    print_text("Compiled for this machine." if compiled else "Compiled code is up to date: nothing to do.")
