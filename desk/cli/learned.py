"""`rebalance research policies` and `train`: learned policies, and training of those that come with the workbench."""

from pathlib import Path

from desk.cli.options import Reports, argument, kept, option, starting
from desk.commands.terminal import print_text
from foundation.errors import ConfigError
from foundation.files import writing
from foundation.progress import bar


def policies(
    folder: Path | None = argument(
        "Folder of a policy or of all its seeds: write their card there as a page.", default=None
    ),
    reports: Reports = None,
) -> None:
    """List the learned policies, or write the card of one.

    Those of the workbench and of past runs are listed; the card is that of the policy in FOLDER.
    """
    if folder is not None:
        with starting():
            from backtests.sheets.pages.policy_card import write_card

        with writing(folder), bar(None, "drawing the card"):
            written = write_card(folder)
        print_text(f"Written to {written}.")
        return
    with starting():
        from backtests.sheets.pages.policy_catalog import policies_text, policy_folders

    with bar(None, "reading policies"):
        listed = policies_text(policy_folders(reports))
    print_text(listed)


def train(
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
