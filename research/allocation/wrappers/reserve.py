"""A reserve in one line, such as a stablecoin or a money-market fund, beside another allocation."""

from dataclasses import dataclass, replace
from typing import ClassVar

from foundation.arguments import cut, is_number, refuse, shown
from foundation.errors import ConfigError
from research.allocation.allocation import Allocation
from research.allocation.answer import Answer
from research.allocation.in_turn import part_answer
from research.allocation.wrapper import Wrapper
from research.market import Past


@dataclass(frozen=True)
class Reserve(Wrapper):
    """A fixed fraction of NAV in one line, and another allocation's target with the rest; for cash: `ConstantExposure`.

    allocation : the portfolio; what it gives the line itself comes on top.
    line       : name of the line. Before it is listed, and after it has left, its fraction is cash.
    fraction   : of NAV, 0 to 1.
    Raises     : ConfigError for a fraction outside 0 to 1; when asked, for a line that the market does not have.
    """

    allocation: Allocation
    line: str
    fraction: float

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the fraction."""
        if not (is_number(self.fraction) and 0.0 <= self.fraction <= 1.0):
            refuse("fraction of Reserve is", self.fraction, "give a fraction of NAV from 0 to 1, such as 0.1.")

    def answer(self, past: Past) -> Answer:
        """(n,) the fraction in the line and the portfolio in the rest, fraction of NAV; with the portfolio's reasons.

        Raises : ConfigError for a line that the market does not have.
        """
        if self.line not in past.assets:
            raise ConfigError(
                f"line of Reserve is {shown(self.line)}, which the market does not have: its lines are "
                f"{cut(', '.join(past.assets))}. Correct the name, or add the line to the market."
            )
        answer = part_answer(self.allocation, past).times(1.0 - self.fraction)
        weights, line = answer.weights.copy(), past.assets.index(self.line)
        weights[line] += self.fraction * past.listed[-1, line]
        return replace(answer, weights=weights)
