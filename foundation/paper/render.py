"""The templates of the house, filled: each page brings its own style, in light and dark."""

import re
from dataclasses import dataclass
from typing import Any

from foundation.paper.svg import DARK, LIGHT
from foundation.paper.wording import NARROW_SPACE
from foundation.templates import templates

PAPER_PACKAGE = "foundation.paper"  # whose templates are the frame of all pages
PER_CENT = re.compile(
    r"<style\b.*?</style>|<script\b.*?</script>|<[^>]*>|(?<=\d)(?P<sign> ?%)", re.DOTALL
)  # and no word
PLAIN = re.compile(r"[^ \w.,:;()%/+−–-]")  # what a string of CSS holds as it is; the rest by its number


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
    return f'"{PLAIN.sub(lambda found: f"{chr(92)}{ord(found[0]):x} ", one)}"'


def fill(package: str, template: str, running: Running | None = None, **content: Any) -> str:
    """A template of a package, or of this one, with the style of all pages and `content`; per cents as one writes them.

    running : text on each printed page, for a whole page.
    """
    from markupsafe import Markup

    css = sheet_css() + (running.css() if running is not None else "")
    page = templates(package, PAPER_PACKAGE).get_template(template)
    made = page.render(css=Markup(css), paper=(LIGHT["paper"], DARK["paper"]), **content).lstrip()
    return PER_CENT.sub(lambda found: f"{NARROW_SPACE}%" if found["sign"] else found[0], made)


def sheet_css() -> str:
    """The style of all pages, in light and dark."""
    from markupsafe import Markup

    themes = [Markup(" ".join(f"--{name}: {colour};" for name, colour in theme.items())) for theme in (LIGHT, DARK)]
    sheet = templates(PAPER_PACKAGE).get_template("sheet.css.j2")
    return sheet.render(light=themes[0], dark=themes[1], soft=LIGHT["soft"])
