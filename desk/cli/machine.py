"""`rebalance research cluster` and `compile`: workers on this machine, and its compiled code."""

from desk.cli.options import argument, kept, option, starting
from desk.commands.terminal import print_text


def cluster(
    address: str = argument(
        "Address of the scheduler to join, such as tls://10.0.0.1:8786. [default: start one here]", default=""
    ),
    workers: int | None = option("Processes of one thread. [default: one a core]"),
    host: str = option(
        "Address of this machine to listen on; any but 127.0.0.1 needs a certificate. [default: 127.0.0.1]"
    ),
    port: int = option("Port of the scheduler; 0 takes a free one.", default=8786, min=0, max=65535),
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
