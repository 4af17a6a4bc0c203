"""`rebalance governance`: models, controls, surveillance and approvals of portfolio files."""

from pathlib import Path
from typing import Annotated

import typer

from desk.cli.options import Reports, TrustCode, starting
from desk.commands.terminal import print_text
from foundation.errors import ConfigError
from foundation.progress import bar


def governance(
    files: Annotated[list[Path], typer.Argument(help="Portfolio files.")],
    as_of: Annotated[str, typer.Option(help="Day of the page, YYYY-MM-DD. [default: the exchange's]")] = "",
    out: Annotated[Path | None, typer.Option(help="Also write it to this file, .html, as one page.")] = None,
    trust_code: TrustCode = None,
    reports: Reports = None,
) -> None:
    """Print what governs FILES: models with versions and validation, controls in force, surveillance, approvals."""
    with starting():
        from desk.commands.governance import governance_html, governed
        from foundation.files import write_whole, writing

    if out is not None and out.suffix != ".html":
        raise ConfigError(f"--out is {str(out)!r}: end it with .html.")
    with bar(None, "reading prices, runs and the journal"):
        found = governed(files, as_of, reports, trust_code)
        text = "\n\n".join(each.text for each in found)
        if out is not None:
            with writing(out):
                write_whole(out, governance_html(found))
    print_text(text)
