"""A picture as a file that stands alone, in the colours of a light page: SVG, and PNG for a mail or a slide.

PNG is drawn from the SVG, so that both show the same, and needs no browser: matplotlib draws the elements that
`svg_file` writes, and no others, in the font that comes with it. The same SVG gives the same bytes with the same
libraries.
"""

import re
import warnings
import zlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from struct import pack
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import numpy as np

from foundation.files import write_whole
from foundation.paper.formats import csv_text
from foundation.paper.picture import Picture
from foundation.paper.svg import LIGHT

if TYPE_CHECKING:
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties
    from matplotlib.path import Path as Line
    from matplotlib.transforms import Bbox, Transform

FORMS = ("csv", "svg")  # in which each picture is written
PICTURES = "figures"  # folder of them, in that of a run
DOTS = 2.0  # of a PNG in a pixel of the page: sharp on any screen
MARGIN, HEAD = 20.0, 52.0  # px: round a picture, and above it with its title
TITLE_SIZE = 16.0  # size of the title, px
LETTERS = 0.9  # of the size of type: letters of matplotlib's font are that much wider than those of a page
NAMESPACE = "http://www.w3.org/2000/svg"
FONTS = "'Liberation Sans','Helvetica Neue',Arial,sans-serif"
VARIABLE = re.compile(r"var\(--(\w+)\)")
PATH_STEP = re.compile("[MLCz]")
UNDRAWN = ("title", "desc", "defs")  # what is said of a picture, and what is drawn where it is used
PLAIN = {"fill": LIGHT["ink"], "stroke": "none", "stroke-width": "1", "font-size": "12px"}  # where a style says nothing

Styles = dict[str, str]


def write_pictures(folder: Path, pictures: Iterable[Picture]) -> None:
    """Write <name>.csv and .svg of each picture into the folder `figures` of a run or a sheet, which exists."""
    (folder / PICTURES).mkdir(exist_ok=True)
    for picture in pictures:
        write_whole(folder / PICTURES / f"{picture.name}.csv", csv_text(picture.data))
        write_whole(folder / PICTURES / f"{picture.name}.svg", svg_file(picture))


def picture_records(pictures: Iterable[Picture]) -> dict[str, dict[str, str]]:
    """The entries of pictures in a sheet's JSON, by name: words, and the path that `write_pictures` gives each file."""
    return {
        p.name: {"title": p.title, "caption": p.caption, "alt": p.alt}
        | {form: f"{PICTURES}/{p.name}.{form}" for form in FORMS}
        for p in pictures
    }


def svg_file(picture: Picture) -> str:
    """The wide picture with its title as an SVG file."""
    width, height = _size(picture.wide)
    box = f"{-MARGIN:g} {-HEAD:g} {width + 2 * MARGIN:g} {height + HEAD + MARGIN:g}"
    inner = _light(picture.wide).partition(">")[2]
    return (
        f'<svg xmlns="{NAMESPACE}" viewBox="{box}" width="{width + 2 * MARGIN:g}" role="img" '
        f'font-family="{FONTS}" fill="{LIGHT["ink"]}"><title>{escape(picture.title)}</title>'
        f"<desc>{escape(picture.alt)}</desc>"
        f'<rect x="{-MARGIN:g}" y="{-HEAD:g}" width="100%" height="100%" fill="{LIGHT["paper"]}"/>'
        f'<text y="{-HEAD / 2:g}" font-size="{TITLE_SIZE:g}" font-weight="bold">{escape(picture.title)}</text>{inner}\n'
    )


def png_file(svg: str) -> bytes:
    """The text of an SVG file of `svg_file` as a PNG file, twice as large as on a page.

    Raises : KeyError for an element that pictures do not have.
    """
    from matplotlib.backends.backend_agg import RendererAgg

    root = ElementTree.fromstring(svg.replace(f' xmlns="{NAMESPACE}"', "", 1))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    renderer = RendererAgg(round(DOTS * width), round(DOTS * height), 72.0 * DOTS)
    painter = Painter(renderer, root)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # of names: a box stands in its place
        for element in root:
            painter.draw(element)
    return _png(np.asarray(renderer.buffer_rgba())[:, :, :3])


def _png(dots: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """Red, green and blue (height, width, 3) as a PNG file.

    No row is filtered: plain ground and lines take less room so, and a third of the time that Pillow's filters take.
    """
    height, width, _ = dots.shape
    rows = np.zeros((height, 1 + 3 * width), dtype=np.uint8)  # a row begins with the number of its filter: none
    rows[:, 1:].reshape(height, width, 3)[:] = dots
    parts = {
        b"IHDR": pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0),  # eight bits of each of three colours
        b"IDAT": zlib.compress(rows.tobytes(), 3),  # 6 takes twice as long
        b"IEND": b"",
    }
    chunks = (pack(">I", len(part)) + kind + part + pack(">I", zlib.crc32(kind + part)) for kind, part in parts.items())
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


class Painter:
    """Draws elements of an SVG file. renderer : of the whole picture. root : <svg> element with all of them."""

    def __init__(self, renderer: "RendererAgg", root: ElementTree.Element) -> None:
        from matplotlib.transforms import Affine2D

        self.renderer = renderer
        self.shapes = {e.attrib["id"]: e for e in root.iter("path") if "id" in e.attrib}
        self.clips = {e.attrib["id"]: self._box(e[0]) for e in root.iter("clipPath")}
        self.place: Affine2D = Affine2D().translate(MARGIN, HEAD).scale(DOTS, -DOTS).translate(0.0, renderer.height)

    def _paper(self, element: ElementTree.Element) -> None:
        """Fill everything with the colour of a rectangle: that behind the picture, the one outside of clips."""
        from matplotlib.path import Path as Line
        from matplotlib.transforms import Affine2D

        whole = Affine2D().scale(self.renderer.width, self.renderer.height)
        self._path(Line.unit_rectangle(), whole, _styles(element), "")

    def draw(self, element: ElementTree.Element) -> None:
        """Draw one element. Raises KeyError for a kind that pictures do not have."""
        kinds = {"path": self._shape, "use": self._mark, "text": self._text, "rect": self._paper}
        if element.tag not in UNDRAWN:
            kinds[element.tag](element)

    def _shape(self, element: ElementTree.Element) -> None:
        self._path(_line(element.attrib["d"]), self.place, _styles(element), element.get("clip-path", ""))

    def _mark(self, element: ElementTree.Element) -> None:
        from matplotlib.transforms import Affine2D

        shape = self.shapes[element.attrib["href"].removeprefix("#")]
        moved = Affine2D().translate(float(element.get("x", "0")), float(element.get("y", "0"))) + self.place
        styles = _styles(element) | _styles(shape)
        self._path(_line(shape.attrib["d"]), moved, styles, element.get("clip-path", ""))

    def _text(self, element: ElementTree.Element) -> None:
        own = _styles(element)
        runs = [(element.text or "", own)] if element.text else []
        for span in element:
            runs += [(span.text or "", own | _styles(span)), *([(span.tail, own)] if span.tail else [])]
        self.words(float(element.get("x", "0")), float(element.attrib["y"]), runs, own)

    def words(self, x: float, y: float, runs: list[tuple[str, Styles]], own: Styles) -> None:
        """Words on one line.

        x    : place that they are aligned to, px from the left.
        y    : foot of the words, px from the top.
        runs : words and their styles, one after the other.
        own  : styles of all words, with their alignment.
        """
        back = {"end": 1.0, "middle": 0.5}.get(own.get("text-anchor", ""), 0.0)
        at, foot = DOTS * (x + MARGIN), DOTS * (y + HEAD)
        if back:
            at -= back * sum(self._width(words, styles) for words, styles in runs)
        for k, (words, styles) in enumerate(runs):
            gc = self.renderer.new_gc()
            gc.set_foreground(styles.get("fill", PLAIN["fill"]))
            self.renderer.draw_text(gc, at, foot, words, _font(styles), 0.0)
            gc.restore()
            at += self._width(words, styles) if k + 1 < len(runs) else 0.0

    def _width(self, words: str, styles: Styles) -> float:
        """The width of words, dots."""
        return float(self.renderer.get_text_width_height_descent(words, _font(styles), False)[0])

    def _path(self, path: "Line", place: "Transform", styles: Styles, clip: str) -> None:
        styles = PLAIN | styles
        gc = self.renderer.new_gc()
        if clip:
            gc.set_clip_rectangle(self.clips[clip.removeprefix("url(#").removesuffix(")")])
        opacity, fill = float(styles.get("opacity", "1")), styles["fill"]
        gc.set_linewidth(float(styles["stroke-width"]) if styles["stroke"] != "none" else 0.0)
        gc.set_foreground(_rgba(styles["stroke"], opacity * float(styles.get("stroke-opacity", "1"))), isRGBA=True)
        gc.set_joinstyle(styles.get("stroke-linejoin", "miter"))  # type: ignore[arg-type]
        gc.set_capstyle({"square": "projecting"}.get(cap := styles.get("stroke-linecap", "butt"), cap))  # type: ignore[arg-type]
        if "stroke-dasharray" in styles:
            gc.set_dashes(0.0, [float(part) for part in styles["stroke-dasharray"].split(",")])
        face = None if fill == "none" else _rgba(fill, opacity * float(styles.get("fill-opacity", "1")))
        gc.set_antialiased(True)
        self.renderer.draw_path(gc, path, place, face)
        gc.restore()

    def _box(self, rectangle: ElementTree.Element) -> "Bbox":
        """A rectangle of a picture in dots of the renderer, from its lower left corner."""
        from matplotlib.transforms import Bbox

        x, y, width, height = (float(rectangle.attrib[name]) for name in ("x", "y", "width", "height"))
        top = self.renderer.height - DOTS * (y + HEAD)
        return Bbox.from_bounds(DOTS * (x + MARGIN), top - DOTS * height, DOTS * width, DOTS * height)


def _size(svg: str) -> tuple[float, float]:
    """Width and height of a page's picture, px."""
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert found is not None, "pictures have a viewBox"
    return float(found[1]), float(found[2])


def _light(svg: str) -> str:
    """A picture in the colours of a light page instead of their names."""
    return VARIABLE.sub(lambda found: LIGHT[found[1]], svg)


def _styles(element: ElementTree.Element) -> Styles:
    """The attributes of an element, with those of its style."""
    parts = (part.partition(":") for part in element.get("style", "").split(";") if part)
    return element.attrib | {name.strip(): value.strip() for name, _, value in parts}


def _rgba(colour: str, opacity: float) -> tuple[float, float, float, float]:
    from matplotlib.colors import to_rgb

    return (*to_rgb("black" if colour == "none" else colour), opacity)


@cache
def _font_of(size: float, heavy: bool) -> "FontProperties":
    from matplotlib.font_manager import FontProperties

    return FontProperties(family="DejaVu Sans", size=LETTERS * size, weight="bold" if heavy else "normal")


def _font(styles: Styles) -> "FontProperties":
    size = float((PLAIN | styles)["font-size"].removesuffix("px"))
    return _font_of(size, styles.get("font-weight") in ("bold", "700"))


def _line(d: str) -> "Line":
    """A path of matplotlib from the attribute `d` of one of SVG."""
    from matplotlib.path import Path as Line

    codes = {
        "M": [Line.MOVETO],
        "L": [Line.LINETO],
        "C": 3 * [Line.CURVE4],
        "z": [Line.CLOSEPOLY],  # at any point
    }
    numbers = PATH_STEP.sub(lambda found: " 0 0 " if found[0] == "z" else " ", d)
    kinds = [code for step in PATH_STEP.findall(d) for code in codes[step]]
    return Line(np.fromstring(numbers, sep=" ").reshape(-1, 2), kinds)
