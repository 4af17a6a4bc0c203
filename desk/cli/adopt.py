"""`rebalance adopt`: what a report recommends becomes the policy of the file."""

from desk.cli.options import File, starting, trusted
from desk.commands.terminal import print_text


def adopt(file: File) -> None:
    """Write the policy that the newest report recommends into FILE.

    Comments and order stay. Where file or prices changed since the report, or it
    says keep, nothing is written.
    """
    with starting(file):
        from desk.commands.adopt import adopt as adopted

    print_text(adopted(file, trusted()))
