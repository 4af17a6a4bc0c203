"""The line style of each policy, the same on every sheet: its colour follows from its name."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from zlib import crc32

from foundation.dataclasses import dataclass
from foundation.paper.layout import far
from foundation.paper.svg import HUES, SMALL

POLICY_COLOURS = ("ink", *HUES)  # of policies; colour-blind readers distinguish them
SALT = 938599567  # of `policy_colours`: with it the policies of each file in data/portfolios have colours of their own

SOLID: tuple[Any, ...] = ("-", (0, (1.3, 1.5)), (0, (9.0, 1.6)))  # of the strategic target
DASHED: tuple[Any, ...] = ((0, (5.5, 2.2)), (0, (6.5, 2.0, 1.3, 2.0)), (0, (2.6, 1.6)))  # of another target

AREAS = (0.8, 0.35, 0.6, 0.15)  # strengths of grey: areas that are no policy's have no policy's hue; neighbours differ

LABEL_GAP = 13.5  # px from one label to the next
LEAD = 20.0  # px from a curve's end to its label
LETTER = 0.56  # of the size of type: mean width of a letter of a system font


@dataclass(frozen=True)
class LineStyle:
    """The line style of a policy.

    colour : a colour of the page.
    dash : dash of `Canvas.line`.
    width : width of the line, px.
    bold : true if its name is bold: where it is recommended.
    eligible : False for a policy that may not be recommended: it does not set the scale of a picture.
    """

    colour: str
    dash: Any = "-"
    width: float = 1.15
    bold: bool = False
    eligible: bool = True

    @property
    def face(self) -> str:
        """The fill of its points: paper if its line is broken, else its own colour."""
        return "" if self.dash == "-" else "paper"

    @property
    def border(self) -> str:
        """Its dash, as a page draws the side of a box."""
        return "solid" if self.dash == "-" else "dotted" if self.dash == SOLID[1] else "dashed"


def policy_colours(names: Collection[str]) -> dict[str, tuple[str, int]]:
    """Colour of each policy, and the number of policies that have taken this colour before it.

    A name has the same colour on every sheet, unless another name of the sheet has it too: then the first in the
    alphabet keeps it and the other one takes the next that is free. The order of `names` does not matter.

    >>> policy_colours(["never", "monthly"]) == policy_colours(["monthly", "never"])
    True
    """
    found: dict[str, tuple[str, int]] = {}
    left, before = sorted(names), 0
    while left:
        free = set(POLICY_COLOURS)
        for steps in range(len(POLICY_COLOURS)):  # every name asks for its own colour before any asks for the next one
            for name in list(left):
                colour = POLICY_COLOURS[(_place(name) + steps) % len(POLICY_COLOURS)]
                if colour in free:
                    found[name] = (colour, before)
                    free.remove(colour)
                    left.remove(name)
        before += 1
    return found


def _place(name: str) -> int:
    """The place of a name's colour in `POLICY_COLOURS`, by multiplicative hashing (Knuth, TAOCP 3, section 6.4)."""
    return (crc32(name.encode()) * SALT % 2**32 * len(POLICY_COLOURS)) >> 32


def line_styles(
    other_target: Mapping[str, bool], reference: str, recommended: str | None, broken: Collection[str] = ()
) -> dict[str, LineStyle]:
    """Line styles by policy, in the order given; 33 policies have different ones.

    other_target : true for each policy that holds another target than the strategic one: then it is dashed.
    reference : name of the reference, whose line is a little wider.
    recommended : name of the recommended policy, whose line is the widest, or None.
    broken : names of the policies that may not be recommended; where that is all, each is as eligible as another.
    """
    found, broken = {}, () if set(other_target) <= set(broken) else broken
    for name, (colour, before) in policy_colours(other_target).items():
        dashes, bold = DASHED if other_target[name] else SOLID, name == recommended
        width = 2.1 if bold else 1.5 if name == reference else 1.15
        eligible = name not in broken or name in (reference, recommended)
        found[name] = LineStyle(colour, dashes[before % len(dashes)], width, bold, eligible)
    return {name: found[name] for name in other_target}


def style_alone(name: str) -> LineStyle:
    """The line style of a policy that is by itself: in its colour on any other sheet."""
    return line_styles({name: False}, name, None)[name]


def eligible_styles(styles: Mapping[str, LineStyle], names: Iterable[Any]) -> list[str]:
    """The policies that a picture's scale must hold: those of `names` that are eligible, or all where none is."""
    asked = list(names)
    return [name for name in asked if styles[name].eligible] or asked


def near_sizes(styles: Mapping[str, LineStyle], sizes: Mapping[Any, float]) -> list[str]:
    """The same, without those that would flatten the others. sizes : largest size of each policy's values."""
    asked = eligible_styles(styles, sizes)
    return [name for name, out in zip(asked, far([sizes[name] for name in asked]), strict=True) if not out]


def fitted_name(name: str, room: float) -> str:
    """A name cut to `room` px, with an ellipsis where something is missing."""
    most = max(int(room / (LETTER * SMALL)), 3)
    return name if len(name) <= most else name[: most - 1].rstrip() + "…"
