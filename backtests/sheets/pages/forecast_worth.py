"""Worth of a forecast on its page and on the terminal: the sentence of use, its tables, and its numbers."""

from typing import Any

from backtests.inference.estimates import POWER, Estimate, EstimateWithTest, NotAvailable
from backtests.sheets.parts import Part, Words
from backtests.sheets.tables import table
from backtests.studies.forecasts.risk_worth import MINIMUM_VARIANCE, VOLATILITY_TARGET, RiskWorth
from backtests.studies.forecasts.worth import NO_VIEW, TiltWorth, Worth
from foundation.paper.text_tables import text_table, wrapped
from foundation.paper.wording import number, percent

Rows = list[list[str]]


def worth_words(name: str, made: Worth) -> str:
    """Whether to use a forecast: its means, and its variances where they were judged or the means were not.

    name : name of the forecast.
    made : its worth.
    """
    words = _tilt_words(name, made.tilts)
    if isinstance(made.risk, NotAvailable) and (made.risk == made.tilts or not isinstance(made.tilts, NotAvailable)):
        return words
    return f"{words} {_risk_words(name, made.risk)}"


def worth_text(name: str, made: Worth | NotAvailable) -> str:
    """The answer in words, and the tables below it, for a terminal."""
    if isinstance(made, NotAvailable):
        return wrapped(f"What {name} is worth is not known: {made.reason}")
    tables = [f"{caption}\n{text_table(rows, left=2)}" for caption, rows in _tables(name, made)]
    return "\n".join([f"What {name} is worth", wrapped(worth_words(name, made)), *tables])


def worth_parts(name: str, made: Worth | NotAvailable) -> list[Part]:
    """The same for a page."""
    if isinstance(made, NotAvailable):
        return [Words(f"{name}: not known. {made.reason}")]
    tables: list[Part] = [table(caption, heads, rows) for caption, (heads, *rows) in _tables(name, made)]
    return [Words(worth_words(name, made), ""), *tables]


def worth_numbers(made: Worth | NotAvailable) -> dict[str, Any]:
    """The same as plain values, in fractions a year."""
    if isinstance(made, NotAvailable):
        return {"not_known": made.reason}
    tilts, risk = made.tilts, made.risk
    means: dict[str, Any] = {"not_known": tilts.reason} if isinstance(tilts, NotAvailable) else {
        "worth": _plain(tilts.worth), "p": tilts.p, "adjusted_p": tilts.adjusted_p, "placebos": len(tilts.gains) - 1,
        "detectable": tilts.detectable, "is_earned": tilts.is_earned, "tracking_error": tilts.tracking_error,
        "rows": tilts.table().rename_axis("held").reset_index().to_dict("records"),
    }  # fmt: skip
    variances: dict[str, Any] = {"not_known": risk.reason} if isinstance(risk, NotAvailable) else {
        "aim": risk.aim, "window": risk.window, "rows": risk.table().reset_index().to_dict("records"),
    }  # fmt: skip
    return {"means": means, "variances": variances}


def _tilt_words(name: str, made: TiltWorth | NotAvailable) -> str:
    if isinstance(made, NotAvailable):
        use = f"Do not move weights by {name}" if made.reason == NO_VIEW else f"The worth of {name} was not tested"
        return f"{use}: {made.reason[:1].lower()}{made.reason[1:]}"
    worth, count = made.worth, len(made.gains) - 1
    low, high = (_points(end) for end in (worth.lower, worth.upper))
    use = f"Use {name}" if made.is_earned else f"Do not use {name} to move weights"
    as_good = round(made.p * (count + 1)) - 1
    judged = f"; {number(made.adjusted_p, 3)} by Holm for {len(made.others) + 1} judged" if made.others else ""
    doubt = f"(p {number(made.p, 3)}{judged})"
    return (
        f"{use}: its tilts were worth {_points(worth.value)} points a year after costs "
        f"({percent(worth.level, 0)}: {low} to {high}), {made.years}, at a tracking error of "
        f"{percent(made.tracking_error)}; {as_good} of {count} placebos did as well or better {doubt}. "
        f"A worth of {number(100.0 * made.detectable, 1)} points would have been found with a probability of "
        f"{percent(POWER, 0)}."
    )


def _risk_words(name: str, made: RiskWorth | NotAvailable) -> str:
    if isinstance(made, NotAvailable):
        return f"Its worth for risk was not tested: {made.reason[:1].lower()}{made.reason[1:]}"
    variance, target = made.saved[MINIMUM_VARIANCE], made.saved[VOLATILITY_TARGET]
    clear = [one for one in (variance, target) if one.lower > 0.0]
    worse = [one for one in (variance, target) if one.upper < 0.0]
    verdict = f"Do not use {name} for risk" if worse or not clear else f"Use {name} for risk"
    return (
        f"{verdict}: minimum variance by it had {_less(variance)} variance than by the last {made.window} returns "
        f"({_doubt(variance)}), and a volatility target {_less(target)} loss ({_doubt(target)})."
    )


def _tables(name: str, made: Worth) -> list[tuple[str, Rows]]:
    """The caption, heads and rows of each table."""
    found: list[tuple[str, Rows]] = []
    if isinstance(made.tilts, TiltWorth):
        rows = [["held", "growth", "volatility", "Sharpe ratio", "turnover", "cost, bp", "worth"]]
        for held, row in made.tilts.table().iterrows():
            rows.append([
                str(held), percent(row["growth"]), percent(row["volatility"]), number(row["sharpe"]),
                percent(row["turnover"], 0), number(row["cost"], 1), percent(row["worth"], 2, signed=True),
            ])  # fmt: skip
        count = len(made.tilts.gains) - 1
        found.append((f"The portfolio with and without {name}, and the mean of {count} placebos", rows))
    if isinstance(made.risk, RiskWorth):
        rows = [["use", "by", "volatility", "turnover", "cost, bp", "loss saved", "p"]]
        risk = made.risk.table()
        for (use, by), saved in zip(risk.index.tolist(), risk.to_dict("records"), strict=True):
            rows.append([
                use, by, percent(saved["volatility"]), percent(saved["turnover"], 0), number(saved["cost"], 1),
                percent(saved["saved"], 0, signed=True) if saved["p"] == saved["p"] else "–", number(saved["p"], 3),
            ])  # fmt: skip
        found.append((f"Risk by {name}; the volatility target aims at {percent(made.risk.aim)}", rows))
    return found


def _less(saved: EstimateWithTest) -> str:
    return f"{percent(abs(saved.value), 0)} {'less' if saved.value >= 0.0 else 'more'}"


def _doubt(saved: EstimateWithTest) -> str:
    low, high = (percent(end, 0, signed=True) for end in (saved.lower, saved.upper))
    return f"saved {low} to {high} at {percent(saved.level, 0)}, p {number(saved.p, 3)}"


def _plain(estimate: Estimate) -> dict[str, float]:
    return {key: getattr(estimate, key) for key in ("value", "lower", "upper", "level")}


def _points(fraction: float) -> str:
    return number(100.0 * fraction, 1, signed=True)
