"""A picture as inline SVG that follows its page: matplotlib draws it, in colours that are names until they are seen.

Text stays text, in the page's own font. The result has no URL, no identifier that could meet another picture's, no date
and no random number: the same picture gives the same bytes.
"""

import re
from functools import cache, lru_cache
from io import StringIO
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from matplotlib.text import Text

# The page's colours: --ink, --soft and so on. Lines are 3:1 against the paper at least, words 4.5:1. Any two of ink and
# the ten hues are 18 apart or more in CIELAB, for normal eyes and with each of the three colour blindnesses.
LIGHT = {
    "ink": "#1b1d21",
    "soft": "#5d6168",
    "rule": "#e2e0d9",
    "wash": "#f2f0e9",
    "paper": "#fffefb",
    "accent": "#882255",
    "sky": "#2a93d5",
    "orange": "#e06a10",
    "green": "#117733",
    "violet": "#5b3fa6",
    "wine": "#882255",
    "pink": "#cc79a7",
    "blue": "#0046fa",
    "stone": "#a08c78",
    "red": "#e6003c",
    "brown": "#461e00",
}
DARK = {
    "ink": "#eceae4",
    "soft": "#a5a8ae",
    "rule": "#2f3237",
    "wash": "#212429",
    "paper": "#15171b",
    "accent": "#f29bb8",
    "sky": "#6cc4f2",
    "orange": "#ff9440",
    "green": "#2fa35c",
    "violet": "#9a86e8",
    "wine": "#b8436a",
    "pink": "#cc79a7",
    "blue": "#286efa",
    "stone": "#beb4a0",
    "red": "#c81e1e",
    "brown": "#fac896",
}
HUES = ("sky", "orange", "green", "violet", "wine", "pink", "blue", "stone", "red", "brown")
TOKENS = {name: f"#5eed{k:02x}" for k, name in enumerate(LIGHT)}  # what matplotlib draws with in their place

SMALL = 12.0  # size of type, px at the picture's own width
KEPT_ATTRIBUTES = ("d", "style", "transform", "clip-path", "x", "y", "width", "height", "id", "href")
NUMBER = re.compile(r"-?\d+\.\d+")
UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")  # XML has no place for these
THEN = "\N{DOUBLE VERTICAL LINE}"  # ends the heavy part of a text


class Canvas:
    """A picture of `width` × `height` px. Places are px from its upper left corner, in every method."""

    def __init__(self, width: float, height: float, salt: str) -> None:
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        self.width, self.height, self.salt = width, height, salt
        self.figure = Figure(figsize=(width / 72.0, height / 72.0), dpi=72, facecolor="none")
        self.figure.patch.set_visible(False)
        FigureCanvasSVG(self.figure)

    def axes(self, left: float, top: float, width: float, height: float) -> "Axes":
        """A panel without frame or ticks.

        left   : left edge, px from the left of the canvas.
        top    : upper edge, px from the top of the canvas.
        width  : width, px.
        height : height, px.
        """
        box = (left / self.width, 1.0 - (top + height) / self.height, width / self.width, height / self.height)
        axes: Axes = self.figure.add_axes(box, facecolor="none")
        axes.set_axis_off()
        axes.margins(0.0)
        return axes

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
        found = _words_on_a_line()(
            x,
            self.height - (y + 0.35 * size),
            UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", words),
            color=TOKENS[colour],
            fontsize=size,
            ha=align,
            fontweight="bold" if bold else "normal",
        )
        found.set_figure(self.figure)
        self.figure.texts.append(found)

    def line(
        self, x: ArrayLike, y: ArrayLike, *, colour: str, width: float = 1.0, dash: Any = "-", behind: bool = False
    ) -> None:
        """A line through points.

        x      : (k,) px from the left.
        y      : (k,) px from the top.
        colour : name of a token.
        width  : width of the line, px.
        dash   : line style of matplotlib.
        behind : true to draw it behind the rest.
        """
        self.figure.add_artist(
            _line(x, self.height - np.asarray(y, dtype=float), colour, width, dash, -1.0 if behind else 2.0)
        )

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
        """A mark of matplotlib.

        x      : middle, px from the left.
        y      : middle, px from the top.
        colour : name of a token.
        size   : diameter, px.
        face   : name of the token that fills it, or "none"; by default its own colour.
        mark   : marker of matplotlib.
        ring   : width of its edge, px.
        """
        artist = _line([x], [self.height - y], colour, 0.0, "none", 3.0)
        artist.set_marker(mark)
        artist.set_markersize(size)
        artist.set_markeredgewidth(ring)
        artist.set_markerfacecolor(TOKENS.get(face or colour, "none"))
        self.figure.add_artist(artist)

    def points(self, x: ArrayLike, y: ArrayLike, *, colour: str, size: float) -> None:
        """Many marks of one kind, let through where they lie on one another.

        x      : (k,) px from the left.
        y      : (k,) px from the top.
        colour : name of a token.
        size   : diameter, px.
        """
        artist = _line(x, self.height - np.asarray(y, dtype=float), colour, 0.0, "none", 3.0)
        artist.set_marker("o")
        artist.set_markersize(size)
        artist.set_markeredgewidth(0.0)
        artist.set_alpha(0.75)
        self.figure.add_artist(artist)

    def svg(self, css_class: str, alt: str) -> str:
        """The picture as an <svg> element for a page, with `alt` as its alternative text."""
        import matplotlib

        buffer = StringIO()
        settings: Any = {"svg.fonttype": "none", "svg.hashsalt": self.salt, "path.simplify": False}
        with matplotlib.rc_context(settings):
            self.figure.savefig(buffer, format="svg", metadata={"Date": None})
        root = ElementTree.fromstring(buffer.getvalue())
        inner = "".join(_element(child) for child in root)
        return (
            f'<svg class="{css_class}" viewBox="0 0 {self.width:g} {self.height:g}" role="img" '
            f"aria-label={quoteattr(alt)}>{inner}</svg>"
        )


@cache
def _words_on_a_line() -> "type[Text]":
    """A text of matplotlib that is written where it stands, unmeasured: the page sets it in a font of its own."""
    from matplotlib.text import Text

    class Words(Text):
        def draw(self, renderer: Any) -> None:
            x, y = self.get_position()
            if self.get_text():
                pen = renderer.new_gc()
                pen.set_foreground(self.get_color())
                renderer.draw_text(
                    pen, x, renderer.height - y, self.get_text(), self.get_fontproperties(), 0.0, mtext=self
                )
                pen.restore()

    return Words


def _line(x: Any, y: Any, colour: str, width: float, dash: Any, order: float) -> "Line2D":
    from matplotlib.lines import Line2D
    from matplotlib.transforms import IdentityTransform

    return Line2D(
        x,
        y,
        color=TOKENS[colour],
        linewidth=width,
        linestyle=dash,
        zorder=order,
        transform=IdentityTransform(),
        solid_capstyle="butt",
        dash_capstyle="butt",
    )


def _element(node: ElementTree.Element) -> str:
    """An element without parts that a page does not need: metadata, style sheets, needless groups, long numbers."""
    tag = node.tag.rpartition("}")[2]
    if tag in ("metadata", "style"):
        return ""
    inner = "".join(_element(child) for child in node) + (_words(node.text or "") if tag == "text" else "")
    attributes = _attributes(node, tag)
    if tag in ("g", "defs") and (not inner or not attributes):
        return inner if tag == "g" or not inner else f"<defs>{inner}</defs>"
    return f"<{tag}{attributes}>{inner}</{tag}>" if inner else f"<{tag}{attributes}/>"


def _words(words: str) -> str:
    heavy, then, rest = words.partition(THEN)
    return (
        f'<tspan style="font-weight:700;fill:var(--ink)">{escape(heavy)}</tspan> {escape(rest)}'
        if then
        else escape(words)
    )


def _attributes(node: ElementTree.Element, tag: str) -> str:
    kept = {key.rpartition("}")[2]: value for key, value in node.attrib.items()}
    if tag in ("g", "text"):
        kept.pop("id", None)
    if tag == "text":
        kept["transform"] = ""  # "rotate(-0 …)": no text is turned
    values = {key: _shorter(key, kept[key]) for key in KEPT_ATTRIBUTES if kept.get(key)}
    return "".join(f" {key}={quoteattr(value)}" for key, value in values.items() if value)


def _shorter(key: str, value: str) -> str:
    if key == "style":
        return _style(value)
    if key in ("id", "href", "clip-path"):
        return value
    value = NUMBER.sub(lambda found: f"{round(float(found[0]), 1) + 0.0:g}", value)  # a tenth of a pixel; no "-0"
    return re.sub(r"\s*([MLCQz])\s*", r"\1", value).strip() if key == "d" else value


@lru_cache(maxsize=1024)  # most elements have one of a few styles
def _style(value: str) -> str:
    """A style in the page's colours and font."""
    for name, token in TOKENS.items():
        value = value.replace(token, f"var(--{name})")
    value = re.sub(
        r"font: (?:(\d+|bold) )?([\d.]+)px [^;]*",
        lambda f: f"font-size:{f[2]}px" + (f";font-weight:{f[1]}" if f[1] else ""),
        value,
    )
    parts = (part.strip().replace(": ", ":") for part in value.split(";"))
    return ";".join(
        p for p in parts if p and not p.startswith(("font-family", "stroke-dashoffset", "stroke-linecap:butt"))
    )
