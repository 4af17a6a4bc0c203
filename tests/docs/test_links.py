"""Links between pages of the repository lead to a file, and to a heading where they name one."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "data" / "README.md")
)
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ (?P<words>.+)$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    words = (found["words"].lower() for found in HEADING.finditer(FENCE.sub("", page.read_text())))
    return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in words}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for link in LINK.finditer(FENCE.sub("", (ROOT / page).read_text())):
        target, _, anchor = link["target"].partition("#")
        if "://" in target:
            continue
        place = (ROOT / page).parent / target if target else ROOT / page
        assert place.exists(), f"{page} links to {target}, which is not there"
        if anchor:
            assert anchor in anchors(place), f"{page} links to {link['target']}, and the page has no such heading"


@pytest.mark.parametrize("name", ["rooms", "quality_picture"])
def test_a_picture_of_the_guide_is_what_its_script_draws(name: str) -> None:
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.PICTURE.read_text(encoding="utf-8") == script.svg(), f"run `python .ci/{name}.py`"


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text().partition("\nnav:")[2]
    for page in ROOT.glob("docs/**/*.md"):
        assert f"- {page.relative_to(ROOT / 'docs').as_posix()}\n" in navigation, f"{page.name} is not in mkdocs.yml"
