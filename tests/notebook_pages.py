"""The executed notebooks as nbconvert's page and in JupyterLab. `make suite` names this file last: it executes none.

What `conftest.py` kept of them while their cells were tested is put into one notebook, and opened once in each place.

    python tests/notebook_pages.py FOLDER   # pictures of each whole notebook in both, for a reviewer
"""

import copy
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from browser import chromium
from nbformat.sign import NotebookNotary
from playwright.sync_api import Browser, Page, sync_playwright

from foundation.paper.browser import browser as browser_program

ROOT = Path(__file__).parents[1]
EXECUTED = ROOT / ".cache" / "notebooks"  # by conftest.py
OURS = ('class="sheet', 'class="trade-list')
PATIENCE = 300_000  # milliseconds: other work may take all processors
LOCAL = ("file:", "data:", "blob:", "http://127.0.0.1", "http://localhost", "ws:")
PLOTLY = "application/vnd.plotly.v1+json"  # of figures, which JupyterLab prefers to their HTML
OF_HOSTS = re.findall(r"--HTMLExporter\.(\w+)=", (ROOT / "docs" / "notebooks.md").read_text())
SHOWN = 2  # blocks of ours in each notebook, the first ones
QUIET = {
    "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false}',
    "notebook-extension/tracker": '{"windowingMode": "none", "autoStartDefaultKernel": false}',
    "apputils-extension/themes": '{"theme": "JupyterLab %s"}',
}
MEASURE = """() => [...document.querySelectorAll('.jp-RenderedHTMLCommon')].flatMap(area => {
  const found = [], room = area.getBoundingClientRect();
  const wrong = (what, e) => found.push(what + ': ' + e.tagName + ' ' + e.textContent.trim().slice(0, 40));
  for (const e of area.querySelectorAll('dt, dd, th, td, p, figure, img')) {
    const box = e.getBoundingClientRect(), style = getComputedStyle(e);
    if (!box.width) continue;
    if (!e.closest('.scroll') && box.right > room.right + 1) wrong('beyond its cell', e);
    if (e.tagName === 'IMG' && !e.naturalWidth) wrong('not drawn', e);
    if (!e.closest('.sheet, .trade-list') || !STYLED) continue;
    if (style.float !== 'none') wrong('floats', e);
    if (e.matches('dt, dd, img') && box.width < 60) wrong('narrower than 60 px', e);
  }
  for (const five of STYLED ? area.querySelectorAll('.five') : []) {
    const tops = new Set([...five.children].map(e => Math.round(e.getBoundingClientRect().top)));
    if (tops.size > 2) wrong('not side by side', five);
  }
  return found;
})"""

PAPERS = "[...document.querySelectorAll('.sheet')].map(one => getComputedStyle(one).backgroundColor)"


def executed_notebooks() -> list[Path]:
    """All notebooks as executed; where some was not, the test fails with how to do it."""
    found = [EXECUTED / path.name for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    if missing := [path.stem for path in found if not path.exists()]:
        pytest.fail(f"not executed: {', '.join(missing)}. Run `pytest --nbval-lax notebooks tests/notebook_pages.py`.")
    return found


def first_blocks(paths: list[Path]) -> nbformat.NotebookNode:
    """One notebook of the first blocks of ours in each."""
    cells = []
    for path in paths:
        blocks = [
            one for one in _outputs(path) if any(mark in one.get("data", {}).get("text/html", "") for mark in OURS)
        ]
        cells += [nbformat.v4.new_code_cell(path.stem, outputs=[one]) for one in blocks[:SHOWN]]
    return nbformat.v4.new_notebook(cells=cells)


def _outputs(path: Path) -> list[Any]:
    return [output for cell in nbformat.read(path, 4).cells for output in cell.get("outputs", [])]


def as_page(notebook: nbformat.NotebookNode, path: Path) -> str:
    """The address of nbconvert's page of a notebook, written to a path as docs/notebooks.md tells."""
    from nbconvert import HTMLExporter

    path.write_text(
        HTMLExporter(**dict.fromkeys(OF_HOSTS, "")).from_notebook_node(copy.deepcopy(notebook))[0], encoding="utf-8"
    )
    return path.as_uri()


@contextmanager
def lab(folder: Path, theme: str = "Light", trusted: tuple[Path, ...] = ()) -> Iterator[str]:
    """JupyterLab on the notebooks of a folder, in a theme, some of them trusted; gives its address."""
    own = folder / f".{theme}"
    variables = {f"JUPYTER_{name}_DIR": str(own / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    variables |= {f"JUPYTERLAB_{name}_DIR": str(own / name) for name in ("SETTINGS", "WORKSPACES")}
    for name, text in QUIET.items():
        path = own / "SETTINGS" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("%s", theme), encoding="utf-8")
    (own / "DATA").mkdir(exist_ok=True)
    for path in trusted:
        NotebookNotary(data_dir=str(own / "DATA")).sign(nbformat.read(path, 4))
    program = Path(sys.executable).with_name("jupyter-lab")
    options = ["--no-browser", "--allow-root", "--IdentityProvider.token=", "--ServerApp.port=0"]
    command = [program, *options, f"--ServerApp.root_dir={folder}"]
    with subprocess.Popen(command, env=os.environ | variables, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            lines = iter(server.stderr.readline, "")
            said = next(line for line in lines if "http://127.0.0.1" in line)
            threading.Thread(target=deque, args=(lines, 0), daemon=True).start()  # a full pipe would stop the server
            yield said[said.index("http") :].strip().removesuffix("/lab")
        finally:
            server.kill()


def opened_in_lab(page: Page, address: str, name: str, blocks: int) -> None:
    """A notebook in JupyterLab, when all of its blocks of HTML are there."""
    page.set_default_timeout(PATIENCE)
    page.goto(f"{address}/doc/tree/{name}")
    page.wait_for_function(f"document.querySelectorAll('.jp-RenderedHTMLCommon').length >= {blocks}")
    page.wait_for_function(
        "[...document.querySelectorAll('.jp-RenderedMarkdown')].every(one => one.textContent) && "
        "[...document.images].every(one => one.complete)"
    )


def wrong_in(page: Page, styled: bool = True) -> list[str]:
    """What is wrong with the blocks of a page, at two widths."""
    found = []
    for width in (1280, 820):
        page.set_viewport_size({"width": width, "height": 900})
        found += [f"{width} px, {each}" for each in page.evaluate(MEASURE.replace("STYLED", str(styled).lower()))]
    return found


def test_blocks_of_notebooks_look_in_jupyter_as_on_their_pages(tmp_path: Path) -> None:
    program, notebook = chromium(), first_blocks(executed_notebooks())
    blocks, trusted, untrusted = len(notebook.cells), tmp_path / "trusted.ipynb", tmp_path / "untrusted.ipynb"
    asked: list[str] = []
    assert blocks >= 12
    for path in (trusted, untrusted):
        nbformat.write(notebook, path)
        notebook.metadata["name"] = path.name  # a signature is of the content
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(as_page(notebook, tmp_path / "page.html"))
        assert wrong_in(page) == []
        assert [url for url in asked if not url.startswith(LOCAL)] == []
        with lab(tmp_path, "Dark", (trusted,)) as address:
            opened_in_lab(page, address, trusted.name, blocks)
            assert wrong_in(page) == []
            assert set(page.evaluate(PAPERS)) == {"rgb(21, 23, 27)"}  # of a dark page
            page = browser.new_page()  # the other would ask whether to leave
            opened_in_lab(page, address, untrusted.name, blocks)
            assert wrong_in(page, styled=False) == []
            assert page.evaluate("document.querySelectorAll('.jp-RenderedHTMLCommon img').length") >= 6
        browser.close()


def pictures(folder: Path) -> None:
    """A picture of each executed notebook in `folder`, as nbconvert's page and in JupyterLab, at two widths.

    In JupyterLab each is shown trusted and untrusted. A page is closed after its picture: open ones of this height
    take a gigabyte together, and more would fail on a small machine. Addresses beyond this machine are not asked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as work:
        browser, paths = playwright.chromium.launch(executable_path=browser_program()), executed_notebooks()
        trusted = [Path(shutil.copy(path, work)) for path in paths]
        for path in paths:
            notebook = nbformat.read(path, 4)
            notebook.metadata["name"] = "untrusted"  # a signature is of the content
            nbformat.write(notebook, Path(work, f"{path.stem}-untrusted.ipynb"))
        with lab(Path(work), trusted=tuple(trusted)) as address:
            for path, width in itertools.product(trusted, (1280, 820)):
                html, blocks = as_page(nbformat.read(path, 4), path.with_suffix(".html")), _blocks(path)
                _picture(browser, folder / f"{path.stem}-page-{width}.png", width, 900, lambda page: page.goto(html))  # noqa: B023
                for name in (path.stem, f"{path.stem}-untrusted"):
                    show = lambda page: opened_in_lab(page, address, f"{name}.ipynb", blocks)  # noqa: B023, E731
                    _picture(browser, folder / f"{name}-lab-{width}.png", width, 15_000, show)


def _blocks(path: Path) -> int:
    """How many blocks of HTML and Markdown a notebook has in JupyterLab."""
    cells = nbformat.read(path, 4).cells
    data = [one for output in _outputs(path) if PLOTLY not in (one := output.get("data", {}))]
    return sum(cell.cell_type == "markdown" for cell in cells) + sum(
        "text/html" in one or "text/markdown" in one for one in data
    )


def _picture(browser: Browser, path: Path, width: int, height: int, show: Callable[[Page], object]) -> None:
    """Write the picture of a page of its own, which is closed."""
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(PATIENCE)
    page.route(lambda url: not url.startswith(LOCAL), lambda route: route.abort())
    show(page)
    page.screenshot(path=path, full_page=True)
    page.close()


if __name__ == "__main__":
    pictures(Path(sys.argv[1]))
