"""`python -m desk.cli`: the command line without an installed command."""

from desk.cli import main

main()
