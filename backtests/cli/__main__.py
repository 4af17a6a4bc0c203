"""`python -m backtests.cli`: the command line without an installed command."""

from backtests.cli import main

main()
