"""A portfolio as settings in plain JSON types: written as YAML, they give the same portfolio."""

from typing import Any

from research.portfolio.file.document import Document
from research.portfolio.file.policy_keys import MAY_CHANGE
from research.portfolio.file.settings import plain, read
from research.portfolio.holdings.household import account_settings
from research.portfolio.holdings.lines import Line, line_settings
from research.portfolio.holdings.tax_file import lot_settings, tax_settings
from research.portfolio.keys.costs import CostKeys, impact_settings
from research.portfolio.keys.factors import factor_settings
from research.portfolio.keys.facts import line_facts
from research.portfolio.keys.forecasts import forecasts_settings
from research.portfolio.keys.orders import order_settings
from research.portfolio.keys.policies import policy_settings
from research.portfolio.keys.ticket import ticket_settings
from research.portfolio.portfolio import Portfolio


def settings_of(document: Document, portfolio: Portfolio, lines: list[Line]) -> dict[str, Any]:
    """All settings in plain JSON types, defaults filled in: written as YAML, they give the same portfolio."""
    limits = portfolio.limits
    return {
        "name": portfolio.name,
        "market": document.value("market"),
        "basis": portfolio.basis,
        **_held_settings(portfolio),
        **{
            key: document.value(key)
            for key in ("prices", "prices_ok", "fx", "fx_today", "nav_history")
            if document.has(key)
        },
        "target_cash": float(document.value("target_cash", default=0.0)),
        "last_trade": f"{portfolio.last_trade:%Y-%m-%d}",
        "lines": {
            line.asset: line_settings(line, bool(portfolio.accounts))
            | line_facts(document, line.asset)
            | lot_settings(document, line.asset)
            for line in lines
        },
        "costs": {name: plain(read(document, ("costs", name), CostKeys)) for name in document.mapping("costs")},
        **({"holding": document.value("holding")} if document.has("holding") else {}),
        **(
            {"execution": plain(portfolio.execution) | document.value("execution")} if document.has("execution") else {}
        ),
        **({"dividends": portfolio.dividends} if document.has("dividends") else {}),
        **({"flows": document.value("flows") | {"use": portfolio.flows.use}} if portfolio.flows is not None else {}),
        **({"impact": impact_settings(portfolio.costs)} if document.has("impact") else {}),
        **({"tax": tax_settings(document)} if document.has("tax") else {}),
        "limits": {
            "minimum_trade": limits.minimum_trade,
            **({} if limits.tracking_error is None else {"tracking_error": limits.tracking_error}),
            "max_days_outside": limits.max_days_outside,
            **({} if limits.max_drawdown is None else {"max_drawdown": limits.max_drawdown}),
        },
        "tracking_penalty": portfolio.tracking_penalty,
        "materiality_bps": portfolio.materiality,
        **({"day_cost": portfolio.day_cost} if document.has("day_cost") else {}),
        **({"order_cost": portfolio.order_cost} if document.has("order_cost") else {}),
        "test_start": f"{portfolio.test_start:%Y-%m-%d}",
        "policies": {name: policy_settings(policy) for name, policy in portfolio.policies.items()},
        **({} if portfolio.policy is None else {"policy": portfolio.policy}),
        **({"reference": portfolio.reference} if document.has("reference") else {}),
        **({"benchmark": portfolio.benchmark.settings} if document.has("benchmark") else {}),
        **({"target": MAY_CHANGE} if portfolio.target_may_change else {}),
        **({} if portfolio.factors is None else {"factors": factor_settings(document, portfolio.factors)}),
        **({"forecasts": forecasts_settings(portfolio.forecasts)} if portfolio.forecasts.models else {}),
        "periods_per_year": portfolio.periods_per_year,
        "lag": portfolio.lag,
        **({"stress": document.value("stress")} if document.has("stress") else {}),
        **({"orders": order_settings(document, portfolio.orders)} if document.has("orders") else {}),
        **({"ticket": ticket_settings(portfolio.ticket)} if document.has("ticket") else {}),
    }


def _held_settings(portfolio: Portfolio) -> dict[str, Any]:
    """Cash, or the accounts that hold it."""
    if portfolio.accounts:
        return {"accounts": account_settings(portfolio.accounts, portfolio.market.assets)}
    return {"cash": portfolio.cash if portfolio.currencies is None else dict(portfolio.currencies.cash)}
