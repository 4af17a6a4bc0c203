"""What `make docs` adds to docs/: pages that stand elsewhere, and the reference; and where links that leave it lead."""

import logging
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
ELSEWHERE = {"CONTRIBUTING.md": "carrying_on.md", "CHANGELOG.md": "changelog.md", "data/README.md": "embedded_data.md"}
PACKAGES = ("foundation", "research", "backtests", "desk")
FOUND_LAST = "---\nsearch: {boost: 0.1}\n---\n\n"  # below pages of the guide, by the search box
LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
log = logging.getLogger("mkdocs.site")


def rooms() -> dict[str, list[str]]:
    """The modules of each room, by the room's dotted name; a package within a room is a room of its own here."""
    found: dict[str, list[str]] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            room = name.removesuffix(".__init__") if path.name == "__init__.py" else name.rpartition(".")[0]
            found.setdefault(room, [])
            if path.name != "__init__.py" and not path.name.startswith("_"):
                found[room].append(name)
    return found


def reference(room: str, modules: list[str]) -> str:
    """The page of one room."""
    shown = [f"::: {room}\n    options: {{members: false, heading_level: 1}}"]
    shown += [f"::: {name}\n    options: {{heading_level: 2}}" for name in modules]
    return FOUND_LAST + "\n\n".join(shown) + "\n"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the reference to the navigation."""
    pages = [
        {package: [{room: f"reference/{room}.md"} for room in rooms() if room.partition(".")[0] == package]}
        for package in PACKAGES
    ]
    config.nav = [*(config.nav or []), {"Reference": pages}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that docs/ does not hold."""
    for source, page in ELSEWHERE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text()))
    for room, modules in rooms().items():
        files.append(File.generated(config, f"reference/{room}.md", content=reference(room, modules)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links between pages of the repository to pages of the site; to other files of it, say the path instead."""
    uri = page.file.src_uri
    if uri.startswith("reference/"):
        return markdown
    source = next((path for path, made in ELSEWHERE.items() if made == uri), f"docs/{uri}")

    def led(link: re.Match[str]) -> str:
        target, _, anchor = link["target"].partition("#")
        if not target or "://" in target:
            return link[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        inside = ELSEWHERE.get(path, path.removeprefix("docs/") if path.startswith("docs/") else "")
        if inside:
            where = posixpath.relpath(inside, posixpath.dirname(uri) or ".")
            return f"{link['image']}[{link['text']}]({where}{'#' + anchor if anchor else ''})"
        if not (ROOT / path).exists():
            log.warning("%s links to %s, which the repository lacks", source, path)
        text = link["text"]
        return text if path in text else f"{text} (`{path}`)"

    parts = FENCE.split(markdown)
    return "".join(part if part.startswith("```") else LINK.sub(led, part) for part in parts)
