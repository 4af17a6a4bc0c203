"""`python -m desk.cli.maintain compile | train`: what set-up calls, and what makes the shipped policy again."""

from pathlib import Path

import typer

from desk.cli.options import as_command, kept, option, starting
from desk.commands.terminal import print_text, run_app
from foundation.errors import ConfigError
from foundation.files import writing
from foundation.progress import bar

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command("compile")
def compile_now() -> None:
    """Compile what report, backtest and trades need on this machine. Existing compiled code is only checked."""
    with starting():
        from desk.commands.compile_kernels import compile_kernels

    with kept("kernels"):
        compiled = compile_kernels()
    print_text("Compiled for this machine." if compiled else "Compiled code is up to date: nothing to do.")


@app.command("train")
@as_command
def train_seed(
    seed: int = option("Seed of all random draws.", default=1),
    steps: int = option("Updates of the network.", default=1_600),
    folder: Path | None = option(
        "Folder of the policy. [default: data/policies/universal, for the seed and steps it has]"
    ),
) -> None:
    """Train the universal policy from its seed.

    It takes about ten minutes of one core. An interrupted training resumes.
    """
    with starting():
        from research.learning.universal.checkpointed_training import SEED, UPDATES, train_universal
        from research.learning.universal.rule import FOLDER

    if folder is None and (seed, steps) != (SEED, UPDATES):
        raise ConfigError(
            f"seed {seed} and {steps:,} steps would overwrite the network that comes with the workbench "
            f"(seed {SEED}, {UPDATES:,} steps), which `universal` rules use: give --folder."
        )
    with kept("updates"), writing(folder or FOLDER), bar(steps, "universal", "updates") as shown:
        made = train_universal(seed, steps, folder or FOLDER, lambda done: shown.update(done - shown.n))
    print_text(f"Written to {made}.")


def maintain() -> None:
    """Run one of the two, as `desk.cli.main` runs a command."""
    run_app(app, "python -m desk.cli.maintain")


if __name__ == "__main__":
    maintain()
