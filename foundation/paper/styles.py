"""The line style of each policy, the same in every picture of a sheet: one colour and one dash."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from foundation.paper.svg import HUES, SMALL

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
    """

    colour: str
    dash: Any = "-"
    width: float = 1.15
    bold: bool = False

    @property
    def face(self) -> str:
        """The fill of its points: paper if its line is broken, else its own colour."""
        return "" if self.dash == "-" else "paper"

    @property
    def border(self) -> str:
        """Its dash, as a page draws the side of a box."""
        return "solid" if self.dash == "-" else "dotted" if self.dash == SOLID[1] else "dashed"


def line_styles(other_target: Mapping[str, bool], reference: str, recommended: str | None) -> dict[str, LineStyle]:
    """Line styles by policy, in the order given: the reference in ink, the others in ten hues.

    Colour-blind readers distinguish the hues. After ten policies the hues are used again with another dash, so that 30
    policies and the reference have different styles.

    other_target : true for each policy that holds another target than the strategic one: then it is dashed.
    reference : name of the reference.
    recommended : name of the recommended policy, or None.
    """
    found, k = {}, 0
    for name, other in other_target.items():
        dashes = DASHED if other else SOLID
        bold = name == recommended
        width = 2.1 if bold else 1.15
        if name == reference:
            found[name] = LineStyle("ink", DASHED[0] if other else "-", 2.1 if bold else 1.5, bold)
            continue
        found[name] = LineStyle(HUES[k % len(HUES)], dashes[k // len(HUES) % len(dashes)], width, bold)
        k += 1
    return found


def fitted_name(name: str, room: float) -> str:
    """A name cut to `room` px, with an ellipsis where something is missing."""
    most = max(int(room / (LETTER * SMALL)), 3)
    return name if len(name) <= most else name[: most - 1].rstrip() + "…"
