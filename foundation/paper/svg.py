"""A picture as inline SVG that follows its page, in colours that are names until they are seen.

Text stays text, in the page's own font. The result has no URL, no identifier that could meet another picture's, no date
and no random number: the same picture gives the same bytes.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import ArrayLike

from foundation.arrays import Mask

# The page's colours: --ink, --soft and so on. Lines are 3:1 against the paper at least, words 4.5:1. Any two of ink and
# the ten hues are 18 apart or more in CIELAB, for normal eyes and with each of the three colour blindnesses.
TOKENS = {  # of a light page, and of a dark one
    "ink": ("#1b1d21", "#eceae4"),
    "soft": ("#5d6168", "#a5a8ae"),
    "rule": ("#e2e0d9", "#2f3237"),
    "wash": ("#f2f0e9", "#212429"),
    "paper": ("#fffefb", "#15171b"),
    "accent": ("#882255", "#f29bb8"),
    "sky": ("#2a93d5", "#6cc4f2"),
    "orange": ("#e06a10", "#ff9440"),
    "green": ("#117733", "#2fa35c"),
    "violet": ("#5b3fa6", "#9a86e8"),
    "wine": ("#882255", "#b8436a"),
    "pink": ("#cc79a7", "#cc79a7"),
    "blue": ("#0046fa", "#286efa"),
    "stone": ("#a08c78", "#beb4a0"),
    "red": ("#e6003c", "#c81e1e"),
    "brown": ("#461e00", "#fac896"),
}
LIGHT, DARK = ({name: colours[k] for name, colours in TOKENS.items()} for k in (0, 1))
HUES = ("sky", "orange", "green", "violet", "wine", "pink", "blue", "stone", "red", "brown")

SMALL = 12.0  # size of type, px at the picture's own width
BEHIND, AREA, CURVE, LINE, MARK, WORDS = range(6)  # what is drawn before what, whenever it was asked for
ANCHORS = {"left": "", "center": "text-anchor:middle;", "right": "text-anchor:end;"}
UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")  # XML has no place for these
THEN = "\N{DOUBLE VERTICAL LINE}"  # ends the heavy part of a text


class Canvas:
    """A picture of `width` × `height` px, for a wide page or a phone. Places are px from its upper left corner."""

    def __init__(self, width: float, height: float, salt: str, *, wide: bool = True) -> None:
        self.width, self.height, self.salt, self.is_wide = width, height, salt, wide
        self._elements: list[tuple[int, str]] = []  # each with its place in the order
        self._defined: dict[str, str] = {}  # shapes of marks and rectangles that cut, by identifier
        self._owner = ""  # attribute that says whose the next elements are

    def of(self, value: Any) -> Any:
        """The value, or of two in a tuple the one of this width, see `either`."""
        return either(value, wide=self.is_wide)

    @contextmanager
    def owned_by(self, name: str) -> Iterator[None]:
        """Let what is drawn meanwhile belong to `name`: a page shows its values, and hides it when asked to."""
        before, self._owner = self._owner, f" data-of={quoteattr(_writable(name))}"
        yield
        self._owner = before

    def clip(self, left: float, top: float, width: float, height: float, axes: str = "") -> str:
        """The name of a rectangle that cuts what is drawn.

        left   : left edge, px from the left of the canvas.
        top    : upper edge, px from the top of the canvas.
        width  : width, px.
        height : height, px.
        axes   : ends and kind of the axis across and of that up, from which a page's script reads values.
        """
        x, y, across, up = (_px(part) for part in (left, top, width, height))
        told = f' data-axes="{axes}"' if axes else ""
        rest = f'{told}><rect x="{x}" y="{y}" width="{across}" height="{up}"/></clipPath>'
        return self._define("clipPath", rest)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        colour: str = "ink",
        size: float = SMALL,
        align: str = "left",
        bold: bool = False,
    ) -> None:
        """Words on the canvas.

        x      : place that they are aligned to, px from the left.
        y      : middle of their height, px from the top.
        words  : the text.
        colour : name of a token.
        size   : size of the letters, px.
        align  : "left", "center" or "right" of x.
        bold   : true for heavy letters.
        """
        if words:
            heavy = "font-weight:700;" if bold else ""
            style = f"{heavy}font-size:{size:g}px;{ANCHORS[align]}fill:var(--{colour})"
            place = f'x="{_px(x)}" y="{_px(y + 0.35 * size)}"'
            self._elements.append((WORDS, f'<text style="{style}" {place}{self._owner}>{_words(words)}</text>'))

    def line(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        colour: str,
        width: float = 1.0,
        dash: Any = "-",
        strength: float = 1.0,
        behind: bool = False,
        clip: str = "",
    ) -> None:
        """A line through points, which ends where one of them is NaN and begins again at the next.

        x        : (k,) px from the left.
        y        : (k,) px from the top.
        colour   : name of a token.
        width    : width of the line, px.
        dash     : "-", or (0, lengths of strokes and of gaps in turn, in widths of the line).
        strength : opacity, up to 1.
        behind   : true to draw it behind the rest.
        clip     : name of a rectangle that cuts it, or "".
        """
        order = BEHIND if behind else CURVE if clip else LINE
        dashes = "" if dash == "-" else f";stroke-dasharray:{','.join(f'{part * width:g}' for part in dash[1])}"
        wide = "" if width == 1.0 else f";stroke-width:{width:g}"
        self._draw(order, path(x, y), f"fill:none{dashes};stroke:var(--{colour}){wide}{_opacity(strength)}", clip)

    def area(self, x: ArrayLike, y: ArrayLike, *, colour: str, strength: float = 1.0, clip: str = "") -> None:
        """A filled polygon.

        x        : (k,) corners, px from the left.
        y        : (k,) corners, px from the top.
        colour   : name of a token.
        strength : opacity, up to 1.
        clip     : name of a rectangle that cuts it, or "".
        """
        self._draw(AREA, f"{path(x, y)}z", f"fill:var(--{colour}){_opacity(strength)}", clip)

    def strokes(self, x: ArrayLike, foot: float, head: ArrayLike, *, colour: str) -> None:
        """Upright strokes.

        x      : (k,) places, px from the left.
        foot   : lower end of all, px from the top.
        head   : (k,) upper ends, or one number that all share, px from the top.
        colour : name of a token.
        """
        at = np.asarray(x, dtype=float)
        y = np.column_stack([np.full(len(at), foot), np.broadcast_to(head, at.shape), np.full(len(at), np.nan)])
        self.line(np.repeat(at, 3), y.ravel(), colour=colour)

    def point(
        self, x: float, y: float, *, colour: str, size: float = 6.0, face: str = "", mark: str = "o", ring: float = 1.4
    ) -> None:
        """A mark.

        x      : middle, px from the left.
        y      : middle, px from the top.
        colour : name of a token.
        size   : diameter, px.
        face   : name of the token that fills it, or "none"; by default its own colour.
        mark   : "o", "D" (diamond), "^", "v", "<", ">", "|" or "+".
        ring   : width of its edge, px.
        """
        filled = "none" if face == "none" else f"var(--{face or colour})"
        edge = f";stroke:var(--{colour})" + (f";stroke-width:{ring:g}" if ring != 1.0 else "") if ring else ""
        self._marks([x], [y], _outline(mark, size / 2.0), f"fill:{filled}{edge}")

    def points(self, x: ArrayLike, y: ArrayLike, *, colour: str, size: float, strength: float = 0.75) -> None:
        """Many marks of one kind, let through where they lie on one another.

        x        : (k,) px from the left.
        y        : (k,) px from the top.
        colour   : name of a token.
        size     : diameter, px.
        strength : opacity, up to 1.
        """
        self._marks(x, y, _outline("o", size / 2.0), f"fill:var(--{colour}){_opacity(strength)}")

    def svg(self, css_class: str, alt: str) -> str:
        """The picture as an <svg> element for a page, with `alt` as its alternative text."""
        defined = f"<defs>{''.join(self._defined.values())}</defs>" if self._defined else ""
        inner = "".join(element for _, element in sorted(self._elements, key=lambda one: one[0]))
        return (
            f'<svg class="{css_class}" viewBox="0 0 {self.width:g} {self.height:g}" role="img" '
            f"aria-label={quoteattr(alt)}>{defined}{inner}</svg>"
        )

    def _define(self, tag: str, rest: str) -> str:
        """The identifier of an element to be used by others: no other picture has the same."""
        name = f"p{sha256(f'{self.salt}<{tag}{rest}'.encode()).hexdigest()[:10]}"
        self._defined[name] = f'<{tag} id="{name}"{rest}'
        return name

    def _draw(self, order: int, d: str, style: str, clip: str) -> None:
        cut = f' clip-path="url(#{clip})"' if clip else ""
        if d.strip("z"):
            self._elements.append((order, f'<path d="{d}" style="{style}"{cut}{self._owner}/>'))

    def _marks(self, x: ArrayLike, y: ArrayLike, outline: str, style: str) -> None:
        name, places = self._define("path", f' d="{outline}"/>'), np.column_stack([x, y]).astype(float)
        for across, down in places[np.isfinite(places).all(axis=1)].tolist():
            use = f'<use style="{style}" x="{_px(across)}" y="{_px(down)}" href="#{name}"{self._owner}/>'
            self._elements.append((MARK, use))


def either(value: Any, *, wide: bool) -> Any:
    """The value, or of two in a tuple one: the first for a wide page, the other for a phone."""
    return value[not wide] if isinstance(value, tuple) else value


def path(x: ArrayLike, y: ArrayLike) -> str:
    """The attribute `d` of a line through points (k,), px: broken where one is not finite, and without needless ones.

    A point is needless between its neighbours on a level or an upright line.
    """
    places = np.round(np.column_stack([x, y]).astype(float), 1) + 0.0  # a tenth of a pixel; no "-0"
    known: Mask = np.isfinite(places[:, 0] + places[:, 1])
    places[~known] = np.nan
    moved = np.ones(len(places), dtype=bool)
    moved[1:] = (places[1:] != places[:-1]).any(axis=1)
    places, known = places[moved], known[moved]
    steps = np.diff(places, axis=0)
    goes_on, level = steps[1:] * steps[:-1] >= 0.0, (steps[1:] == 0.0) & (steps[:-1] == 0.0)
    needed = np.ones(len(places), dtype=bool)
    needed[1:-1] = ~(goes_on.all(axis=1) & level.any(axis=1))
    parts, pen = [], "M"
    for (across, down), is_known in zip(places[needed].tolist(), known[needed].tolist(), strict=True):
        if is_known:
            parts.append(f"{pen}{across:g} {down:g}")
        pen = "L" if is_known else "M"
    return "".join(parts)


def _px(place: float) -> str:
    """A place to a tenth of a pixel; no "-0"."""
    return f"{round(float(place), 1) + 0.0:g}"


def _opacity(strength: float) -> str:
    return "" if strength == 1.0 else f";opacity:{strength:g}"


def _outline(mark: str, radius: float) -> str:
    """The attribute `d` of a mark round (0, 0). radius : px. The quarters of a circle are cubic curves."""
    r, k, d = _px(radius), _px(0.5523 * radius), _px(1.4142 * radius)
    circle = f"C{r} {k} {k} {r} 0 {r}C-{k} {r} -{r} {k} -{r} 0C-{r} -{k} -{k} -{r} 0 -{r}C{k} -{r} {r} -{k} {r} 0z"
    return {
        "o": f"M{r} 0{circle}",
        "D": f"M0 -{d}L{d} 0L0 {d}L-{d} 0z",
        "^": f"M0 -{r}L{r} {r}L-{r} {r}z",
        "v": f"M0 {r}L-{r} -{r}L{r} -{r}z",
        "<": f"M-{r} 0L{r} -{r}L{r} {r}z",
        ">": f"M{r} 0L-{r} {r}L-{r} -{r}z",
        "|": f"M0 {r}L0 -{r}",
        "+": f"M-{r} 0L{r} 0M0 {r}L0 -{r}",
    }[mark]


def _writable(words: str) -> str:
    return UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", words)


def _words(words: str) -> str:
    heavy, then, rest = _writable(words).partition(THEN)
    if not then:
        return escape(heavy)
    return f'<tspan style="font-weight:700;fill:var(--ink)">{escape(heavy)}</tspan> {escape(rest)}'
