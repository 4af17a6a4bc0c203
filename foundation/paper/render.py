"""The templates of the house, filled: each page brings its own style, in light and dark."""

import re
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from foundation.dataclasses import dataclass
from foundation.paper.page_templates import templates
from foundation.paper.svg import DARK, LIGHT
from foundation.paper.wording import NARROW_SPACE

if TYPE_CHECKING:
    from markupsafe import Markup

PAPER_PACKAGE = "foundation.paper"  # whose templates are the frame of all pages
SPARE = re.compile(r";?\s+(?=})|(?<=\n)\s+")  # of a style: what a browser can do without
NO_WORDS = re.compile(r"<style\b.*?</style>|<script\b.*?</script>|<[^>]*>|(?P<sign>(?<=\d) ?%)", re.DOTALL)
SANS = 'Inter,-apple-system,"Segoe UI",Roboto,"Liberation Sans","Helvetica Neue",Arial,sans-serif'
NOT_IN_CSS = re.compile(r"[^ \w.,:;()%/+−–-]")  # what a string of CSS holds as it is; the rest by its number
# A figure is drawn for both widths.
FIGURE_TAG = re.compile(r'<svg class="wide" (.*?)</svg>\n<svg class="narrow" (.*?)</svg>', re.DOTALL)
DRAWING = re.compile(r'viewBox="0 0 (\S+) (\S+)" role="img" aria-label=("[^"]*"|\'[^\']*\')>(.*)', re.DOTALL)
PHONE = "(max-width: 860px)"  # of a window whose cells are about as wide as a phone


@dataclass(frozen=True)
class Running:
    """The text on every printed page besides the page number; "" for nothing.

    title : text above, at the left.
    date  : text above, at the right.
    run   : text below, at the left.
    """

    title: str
    date: str = ""
    run: str = ""

    def css(self) -> str:
        """The margins of a printed page as CSS. Browsers that have none leave them empty."""
        words = {"top-left": self.title, "top-right": self.date, "bottom-left": self.run}
        boxes = [f"@{place} {{ content: {css_string(said)}; }}" for place, said in words.items() if said]
        number = '@bottom-right { content: "page " counter(page) " of " counter(pages); }'
        return f"@page {{ {' '.join([*boxes, number])} }}\n"


def css_string(text: str) -> str:
    r"""Text as a string of CSS, in which nothing ends the string, the rule or the style.

    >>> print(css_string('a "b" </style>'))
    "a \22 b\22  \3c /style\3e "
    """
    one = " ".join(text.split())
    return f'"{NOT_IN_CSS.sub(lambda found: f"{chr(92)}{ord(found[0]):x} ", one)}"'


def fill_template(package: str, template: str, running: Running | None = None, **content: Any) -> str:
    """A template of a package, or of this one, with the style of pages and `content`; per cents with a narrow space.

    running : text on each printed page, for a whole page.
    """
    from markupsafe import Markup

    css = sheet_css() + (running.css() if running is not None else "")
    environment = templates(package, PAPER_PACKAGE)
    environment.filters["as_images"] = as_images
    page = environment.get_template(template)
    made = page.render(css=Markup(css), paper=(LIGHT["paper"], DARK["paper"]), **content).lstrip()
    return per_cents(made)


def as_images(block: "Markup") -> "Markup":
    """A block in which each drawing is an image, with the colours of the reader's theme and its words as alternative.

    JupyterLab drops <svg> and <style> from a notebook that is not trusted, and keeps the words of the one: an image
    remains, and no style of the notebook changes it. Browsers take its theme from the page around it. Small words stand
    apart from those before them without a style, too.
    """
    from markupsafe import Markup

    def image(figure: re.Match[str]) -> str:
        (wide, words), (narrow, _) = map(_address, figure.groups())
        return f'<picture><source media="{PHONE}" srcset="{narrow}"><img src="{wide}" alt={words}></picture>'

    return Markup(FIGURE_TAG.sub(image, per_cents(str(block))).replace("<small", " <small"))


def per_cents(page: str) -> str:
    """A page, or a text without tags, with a narrow space before its per cent signs; older texts have none.

    >>> per_cents('<i style="width: 5%">5 % or 5%</i>')
    '<i style="width: 5%">5\\u202f% or 5\\u202f%</i>'
    """
    return NO_WORDS.sub(lambda found: f"{NARROW_SPACE}%" if found["sign"] else found[0], page)


def _address(drawing: str) -> tuple[str, str]:
    """A drawing that stands alone, as an address of its data; and its words, quoted."""
    width, height, words, inner = DRAWING.match(drawing).groups()  # type: ignore[union-attr]
    light, dark = ("".join(f"--{name}:{colour};" for name, colour in theme.items()) for theme in (LIGHT, DARK))
    style = f"svg{{{light}background:var(--paper);font-family:{SANS}}}text{{fill:var(--ink)}}"
    dark_style = f"@media (prefers-color-scheme:dark){{svg{{{dark}}}}}"
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    alone = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{style}{dark_style}</style>{inner}</svg>'
    return f"data:image/svg+xml;base64,{b64encode(alone.encode()).decode('ascii')}", words


def sheet_css() -> str:
    """The style of all pages, in light and dark."""
    from markupsafe import Markup

    themes = [Markup(" ".join(f"--{name}: {colour};" for name, colour in theme.items())) for theme in (LIGHT, DARK)]
    sheet = templates(PAPER_PACKAGE).get_template("sheet.css.j2")
    css = sheet.render(light=themes[0], dark=themes[1], soft=LIGHT["soft"], sans=Markup(SANS))
    return SPARE.sub("", css)
