"""Names of peers' portfolios, and the allocation of a portfolio file that each of them means."""

from typing import Any

LIMITS = "This kind takes no limits: for these take `kind: min_volatility`."
PEER_KEYS = {  # kind -> key that peers have, and what to write here
    "minimum_variance": dict.fromkeys(("lower", "upper", "constraints", "weight_bounds"), LIMITS),
    "mean_variance": {
        "target_volatility": "Write `goal:` here.",
        "target_return": "Write `goal:` here.",
        "weight_bounds": "Write `lower:` and `upper:` here.",
    },
}

PEER_NAMES: dict[str, tuple[str, dict[str, Any]]] = {  # name -> kind, and the settings that the name states
    "1/n": ("equal", {}),
    "equal_weight": ("equal", {}),
    "equal_weighted": ("equal", {}),
    "inverse_variance": ("inverse_volatility", {"power": 2.0}),
    "min_variance": ("minimum_variance", {}),
    "global_minimum_variance": ("minimum_variance", {}),
    "markowitz": ("mean_variance", {}),
    "min_volatility": ("mean_variance", {"objective": "minimum_volatility"}),
    "minimum_volatility": ("mean_variance", {"objective": "minimum_volatility"}),
    "max_sharpe": ("mean_variance", {"objective": "maximum_sharpe"}),
    "maximum_sharpe": ("mean_variance", {"objective": "maximum_sharpe"}),
    "max_quadratic_utility": ("mean_variance", {"objective": "utility"}),
    "efficient_return": ("mean_variance", {"objective": "target_return"}),
    "efficient_risk": ("mean_variance", {"objective": "target_risk"}),
    "min_cvar": ("minimum_risk", {"risk": "cvar"}),
    "minimum_cvar": ("minimum_risk", {"risk": "cvar"}),
    "risk_budgeting": ("risk_parity", {}),
    "equal_risk_contribution": ("risk_parity", {}),
    "erc": ("risk_parity", {}),
    "max_diversification": ("maximum_diversification", {}),
    "most_diversified": ("maximum_diversification", {}),
    "benchmark_tracker": ("benchmark_tracking", {}),
    "distributionally_robust_cvar": ("robust_cvar", {}),
    "hierarchical_risk_parity": ("hrp", {}),
    "hierarchical_equal_risk_contribution": ("herc", {}),
    "nested_clusters": ("nco", {}),
    "nested_clusters_optimization": ("nco", {}),
    "schur_complementary": ("schur", {}),
}
