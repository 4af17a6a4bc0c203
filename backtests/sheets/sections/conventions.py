"""The conventions of a sheet, and the settings of its run as a desk would write them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from backtests.comparison.recommendation import NOW_KEPT
from backtests.inference.words import CHARGES, charged_words
from backtests.sheets.parts import FilledTemplate, Folded, Part, facts_blocks
from backtests.sheets.tables import Block, Shown, looks_of, records_table
from foundation.paper.wording import counted, listed, percent
from research.accounting import Costs
from research.accounting.costs import USUAL
from research.market.calendars import row_name
from research.market.quality import check_market
from research.risk.measures import BPS
from research.risk.utility import RISK_AVERSION
from research.rules.protocol import long_name, traits

if TYPE_CHECKING:
    from backtests.comparison import Comparison, PairedBacktests
    from research.portfolio import Portfolio

PROPORTIONAL = tuple(CHARGES[name] for name in USUAL)  # what the basis points of a side are
CLOSE_OF_LAG = {0: "at the same close", 1: "at the next close"}  # execution, by the lag
TAXED_FIGURES = {  # figures after the tax at the end, by `Tax.at_end`
    "keep": "",
    "liquidate": "as if all were sold at the last close, at no cost but the tax",
    "step_up": "as if all were bequeathed at the last close, which forgives gains and losses",
}
SETTING = 112  # letters of a setting on one line


def conventions_parts(comparison: "Comparison") -> list[Part]:
    """The candidates, the meaning of each measure, and the settings, folded."""
    return [
        _candidates(comparison),
        FilledTemplate("conventions.html.j2", _terms(comparison)),
        *settings_parts(comparison.settings),
    ]


def settings_parts(settings: Mapping[str, Any]) -> list[Part]:
    """The settings of a run, folded; nothing where there are none."""
    text = FilledTemplate("settings.html.j2", settings_text(settings))
    return [Folded("All settings of this run", [text])] if settings else []


def execution_words(lag: int) -> str:
    """The execution of a decision, in words.  lag : number of sessions between the two."""
    return f"decided at a close, executed {CLOSE_OF_LAG.get(lag, f'{lag} sessions later')}"


def _cost_words(costs: Costs) -> str:
    """The costs of a file, and how they are expressed."""
    traded, held = charged_words(costs)
    text = f"Per side of a trade, divided by NAV before it: {listed(traded)}." if traded else "No trading costs."
    return f"{text} For holding, divided by NAV at the close before: {listed(held)}." if held else text


def _tax_words(portfolio: "Portfolio") -> str:
    """Sentences on harvests, if there are any, and on what backtests leave out of the tax of a file with tax lots."""
    tax, words = portfolio.costs.tax, ""
    if tax is not None and tax.harvest_above is not None:
        words = (
            f" Lots that have lost more than {percent(tax.harvest_above)} of their cost are harvested at the close: "
            "sold, and replaced by a substitute that is assumed to move like the asset, at the costs of both orders."
        )
    if portfolio.tax_lots is None:
        return words
    return (
        f"{words} Tax is charged on what is bought from the first day of the test on: the tax lots and gain budget of "
        "the file, and its wash sales but for harvests, apply to trade lists only."
    )


def measure_terms(paired: "PairedBacktests") -> dict[str, str | bool]:
    """Numbers in the words that every sheet of backtests has on its measures."""
    benchmark = paired.benchmark
    return {
        "year": f"{benchmark.periods_per_year:g}",
        "row": row_name(benchmark.periods_per_year),
        "tracking_penalty": f"{benchmark.tracking_penalty:g}",
        "one_percent": f"{0.5 * benchmark.tracking_penalty:g}",
        "level": percent(paired.evidence.level, 0),
        "benchmark": benchmark.compared_with,
    }


def _terms(comparison: "Comparison") -> dict[str, str | bool]:
    """Numbers in the words of `conventions.html.j2`."""
    evidence, limits = comparison.evidence, comparison.portfolio.limits
    return measure_terms(comparison) | {
        "margin": f"{comparison.portfolio.materiality:g}",
        "kept": f"{10.0 * limits.kept:g}",
        "now_kept": f"{10.0 * min(NOW_KEPT, limits.kept):g}",
        "limit": "" if limits.tracking_error is None else percent(limits.tracking_error),
        "outside": percent(limits.max_days_outside, 0),
        "days": f"{evidence.days:,}",
        "draws": f"{evidence.resampling.reps:,}",
        "block": f"{evidence.resampling.block}",
        "cost": _cost_words(comparison.portfolio.costs) + _tax_words(comparison.portfolio),
        "taxed": "" if (tax := comparison.portfolio.costs.tax) is None else TAXED_FIGURES[tax.at_end],
        "flows": any(played.flows.any() for played in comparison.backtests.values()),
        "axes": "" if comparison.axes is None else f"{RISK_AVERSION:g}",
        "notes": " ".join(comparison.notes),
    }


def settings_text(settings: Mapping[str, Any], indent: int = 0) -> str:
    """Settings as a desk would write them: a line a key; values that fit on one line are in braces.

    >>> print(settings_text({"tracking_penalty": 5.0, "lines": {"SPY": {"range": [0.2, 0.3]}}, "policy": None}))
    tracking_penalty: 5
    lines: {SPY: {range: [0.2, 0.3]}}
    policy: none
    """
    lines = []
    for name, value in settings.items():
        line = f"{' ' * indent}{name}: {_on_a_line(value)}"
        if isinstance(value, Mapping) and len(line) > SETTING:
            line = f"{' ' * indent}{name}:\n{settings_text(value, indent + 2)}"
        lines.append(line)
    return "\n".join(lines)


def _on_a_line(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_on_a_line(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_on_a_line, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:.10g}" if isinstance(value, float) else str(value)


# -- the candidates, and what this run is ----------------------------------------------------------------------------


def _candidates(comparison: "Comparison") -> Block:
    portfolio, broken = comparison.portfolio, comparison.recommendation.broken
    columns = (
        Shown("", "policy"),
        Shown("", "class", form=lambda name: traits(portfolio.policies[name]).family, words=True),
        Shown("", "rule", form=lambda name: long_name(comparison.fitted[name].policy, portfolio.strategic), words=True),
        Shown("", "configurations tried", form=lambda name: str(comparison.fitted[name].tried)),
        Shown("", "limits", form=lambda name: listed(broken.get(name, ["within limits"])), words=True),
    )
    return records_table("Candidates by complexity class", columns, comparison.fitted, looks_of(comparison))


def facts_of(comparison: "Comparison", run: Mapping[str, str]) -> list[Block]:
    """The facts of a comparison: its universe, days, costs and execution, and its checks.

    run : identity of the run: words by name.
    """
    portfolio, dates = comparison.portfolio, comparison.backtests[comparison.reference].dates
    assets, total = portfolio.market.assets, BPS * portfolio.costs.total
    low, high = (f"{round(float(v), 2):g}" for v in (total.min(), total.max()))
    rates = low if low == high else f"{low} to {high}"
    others = [words for kind in charged_words(portfolio.costs) for words in kind if words not in PROPORTIONAL]
    besides = f", plus {listed(others)}" if others else ""
    facts = {
        "Universe": f"{counted(len(assets), 'asset')}: {listed(assets, most=12)}; in {portfolio.basis}",
        "Test": f"{len(dates) - 1:,} days; everything fitted uses only earlier days",
        "Costs and execution": f"{rates} bp of notional a side{besides}; {execution_words(portfolio.lag)}",
        "Accounting": comparison.accounting,
        "Look-ahead audit": comparison.look_ahead,
        "Data": check_market(portfolio.market).line(),
        **run,
    }
    return facts_blocks(facts)
