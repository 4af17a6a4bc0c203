"""The destination of a trade that a band triggers: the target, the edge of the band, or a narrower band."""

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from foundation.arguments import check_real, shown
from foundation.errors import ConfigError
from research.rules.standard_rule import said


@dataclass(frozen=True)
class Within:
    """A destination: the point of the box in which each line is within `half_width` of its target.

    half_width : half-width in the unit of the band that it belongs to.
    """

    half_width: float
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check that it is a number; the rule checks that it is not wider than its band."""
        check_real("half_width", self.half_width)


To: TypeAlias = Literal["target", "edge"] | Within


def half_width(to: To, band: float) -> float:
    """Half-width of the box into which a band of half-width `band` trades, in the unit of the band."""
    if isinstance(to, Within):
        return to.half_width
    return band if to == "edge" else 0.0


def goes(destination: float, band: float, unit: str = "") -> str:
    """The destination of a band, in words.

    destination, band : half-widths of the box and of the band, in the same unit.
    unit              : text behind the number.
    """
    return {band: "to the edge", 0.0: "to target"}.get(destination, f"to within {said(destination)}{unit}")


def check_destination(owner: object, to: object, band: float) -> None:
    """Check that the destination of a rule lies inside its band. Raises ConfigError."""
    name = type(owner).__name__
    if not (isinstance(to, Within) or to in ("target", "edge")):
        raise ConfigError(f"to of {name} is {shown(to)}: use 'target', 'edge' or Within(half_width).")
    destination = half_width(to, band)  # type: ignore[arg-type]
    if not 0.0 <= destination <= band:
        raise ConfigError(
            f"to of {name} is {shown(to)}: destination {destination:g} lies outside the band of {band:g}: "
            "Within lies between 0 and the band."
        )
