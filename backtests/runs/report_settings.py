"""The settings by which a report is known: read where a trade list looks for one, without what makes a report."""

from research.portfolio import Portfolio

FULL_RUN = {"rl_steps": 0, "rl_seeds": 0, "draws": 10_000}  # settings of a full run; 0: as the portfolio file says


def settings_of(portfolio: Portfolio, reference: str, *, rl_steps: int, rl_seeds: int, draws: int) -> dict[str, object]:
    """The settings of a comparison, as plain JSON values: the portfolio file's and the notebook's.

    portfolio : portfolio whose candidates are compared.
    reference : the policy to which differences are taken.
    rl_steps  : training steps a seed of learned candidates.
    rl_seeds  : number of seeds of learned candidates.
    draws     : number of draws of the bootstrap.
    """
    return {
        "portfolio": portfolio.settings,
        "rl_steps": rl_steps,
        "rl_seeds": rl_seeds,
        "draws": draws,
        "reference": reference,
        "candidates": list(portfolio.policies),
    }
