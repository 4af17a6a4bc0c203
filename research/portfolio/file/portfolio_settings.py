"""A portfolio as settings in plain JSON types: written as YAML, they give the same portfolio."""

from typing import Any

from research.portfolio.file.document import Document
from research.portfolio.file.policy_keys import MAY_CHANGE
from research.portfolio.file.settings import plain, read
from research.portfolio.holdings.household import account_settings
from research.portfolio.holdings.lines import Line, line_settings
from research.portfolio.keys.costs import CostKeys, impact_settings
from research.portfolio.keys.factors import factor_settings
from research.portfolio.keys.forecasts import forecasts_settings
from research.portfolio.keys.orders import order_settings
from research.portfolio.keys.policies import policy_settings
from research.portfolio.keys.ticket import ticket_settings
from research.portfolio.portfolio import Portfolio


def settings_of_portfolio(document: Document, portfolio: Portfolio, lines: list[Line]) -> dict[str, Any]:
    """All settings in plain JSON types, defaults filled in: written as YAML, they give the same portfolio."""
    given, limits = document.tree, portfolio.limits
    made = {
        "name": portfolio.name,
        "market": given["market"] | dict(portfolio.market.origin) if portfolio.market.origin else given["market"],
        "basis": portfolio.basis,
        **_held_settings(portfolio),
        **{key: given.get(key) for key in ("prices", "prices_ok", "fx", "fx_today", "nav_history")},
        "target_cash": float(given.get("target_cash", 0.0)),
        "last_trade": f"{portfolio.last_trade:%Y-%m-%d}",
        "held_on": given.get("held_on"),
        "lines": {
            line.asset: line_settings(line, bool(portfolio.accounts)) | _as_given(given["lines"][line.asset])
            for line in lines
        },
        "costs": {name: plain(read(document, ("costs", name), CostKeys)) for name in given["costs"]},
        "holding": given.get("holding"),
        "execution": plain(portfolio.execution) | given["execution"] if "execution" in given else None,
        "dividends": portfolio.dividends if "dividends" in given else None,
        "flows": None if portfolio.flows is None else given["flows"] | {"use": portfolio.flows.use},
        "plan": given.get("plan"),
        "impact": impact_settings(portfolio.costs) if "impact" in given else None,
        "tax": given.get("tax"),
        "limits": _stated(
            minimum_trade=limits.minimum_trade,
            tracking_error=limits.tracking_error,
            max_days_outside=limits.max_days_outside,
            kept=limits.kept,
            max_drawdown=limits.max_drawdown,
        ),
        "tracking_penalty": portfolio.tracking_penalty,
        "materiality_bps": portfolio.materiality,
        "day_cost": portfolio.day_cost if "day_cost" in given else None,
        "order_cost": portfolio.order_cost if "order_cost" in given else None,
        "assumed": list(portfolio.assumed) or None,
        "test_start": f"{portfolio.test_start:%Y-%m-%d}",
        "policies": {name: policy_settings(policy) for name, policy in portfolio.policies.items()},
        "policy": portfolio.policy,
        "reference": portfolio.reference if "reference" in given else None,
        "benchmark": portfolio.benchmark.settings if "benchmark" in given else None,
        "target": MAY_CHANGE if portfolio.target_may_change else None,
        "factors": None if portfolio.factors is None else factor_settings(document, portfolio.factors),
        "forecasts": forecasts_settings(portfolio.forecasts) if portfolio.forecasts.models else None,
        "periods_per_year": portfolio.periods_per_year,
        "lag": portfolio.lag,
        "stress": given.get("stress"),
        "orders": order_settings(document, portfolio.orders) if "orders" in given else None,
        "ticket": ticket_settings(portfolio.ticket) if "ticket" in given else None,
        "cycle": plain(portfolio.cycle) if "cycle" in given else None,
        "governance": plain(portfolio.governance) if "governance" in given else None,
    }
    return _stated(**made)


def _stated(**settings: Any) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if value is not None}


def _as_given(line: dict[str, Any]) -> dict[str, Any]:
    """The symbol, the facts and the tax lots of an asset, as its file writes them."""
    return {key: line[key] for key in ("symbol", "facts", "tax_lots") if key in line}


def _held_settings(portfolio: Portfolio) -> dict[str, Any]:
    """Cash, or the accounts that hold it."""
    if portfolio.accounts:
        return {"accounts": account_settings(portfolio.accounts, portfolio.market.assets)}
    return {"cash": portfolio.cash if portfolio.currencies is None else dict(portfolio.currencies.cash)}
