"""Every sheet before axe-core in a real Chromium: three widths, both themes, and as it is printed (`make browser`).

axe-core comes from npm, of one version and with one checksum; nothing else is fetched, and the pages fetch nothing. Its
licence is MPL-2.0. Pages that are given are looked at instead of those that are made here:

    python -m benchmarks.browser [PAGE | KIND …]        # KIND: of `benchmarks.sheets.SHEETS`
"""

import base64
import hashlib
import html
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.sheets import SHEETS
from desk.commands.print_page import browser
from foundation.errors import ConfigError

VERSION = "4.14.1"
INTEGRITY = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="  # sha512
HERE = Path(__file__).parents[1] / ".cache" / "axe"
WIDTHS = (390, 820, 1280)
PAPER = 703  # px of A4 between its margins
VIEWS = [(f"{theme} {width}", width, theme) for width in WIDTHS for theme in ("light", "dark")] + [
    ("print", PAPER, "light")
]
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--virtual-time-budget=120000",
)
EVEN = (
    "<style>.sheet .scroll { background: none !important }</style>"  # axe judges no words on the shade of a wide table
)
# In a frame of a width, since a window has a least one; details are opened, so that all they hold is looked at.
LOOK = """
const frame = document.createElement('iframe');
frame.title = 'page';
frame.style.cssText = 'border:0;height:1000px;width:' + WIDTH + 'px';
frame.srcdoc = PAGE;
frame.onload = async () => {
  const page = frame.contentDocument;
  page.querySelectorAll('details').forEach(found => { found.open = true; });
  const found = await frame.contentWindow.axe.run(page, {resultTypes: ['violations', 'incomplete']});
  const words = node => node.html.slice(0, 160) + ' :: ' + node.failureSummary.slice(0, 200);
  const brief = list => list.map(({id, help, impact, nodes}) =>
    ({rule: id, help, impact, count: nodes.length, nodes: nodes.slice(0, 3).map(words)}));
  const out = document.createElement('pre');
  out.textContent = JSON.stringify({violations: brief(found.violations), incomplete: brief(found.incomplete),
    passes: found.passes.length, scroll: page.documentElement.scrollWidth, room: page.documentElement.clientWidth});
  document.body.append(out);
};
document.body.append(frame);
"""


def axe() -> str:
    """The script of axe-core, fetched once by npm. Raises ConfigError without npm, and for another checksum."""
    packed = HERE / f"axe-core-{VERSION}.tgz"
    if not packed.exists():
        HERE.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", f"axe-core@{VERSION}", "--silent", "--pack-destination", str(HERE)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise ConfigError("axe-core comes from npm, which is not on PATH. Debian: apt-get install npm.") from error
        except subprocess.CalledProcessError as error:
            raise ConfigError(f"npm did not fetch axe-core: {error.stderr.strip()}") from error
    found = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
    if found != INTEGRITY:
        raise ConfigError(
            f"{packed} has the sha512 {found}, expected {INTEGRITY}. Delete it, and look where it came from."
        )
    with tarfile.open(packed) as files:
        script = files.extractfile("package/axe.min.js")
        assert script is not None, "a package of axe-core has its script"
        return script.read().decode("utf-8")


def looked(page: str, script: str, width: int, theme: str, *, paper: bool = False) -> dict[str, Any]:
    """What axe finds of a page.

    page   : its HTML.
    script : axe.
    width  : of the page, px.
    theme  : "light" or "dark".
    paper  : with the style of paper, on a screen.
    """
    if paper:
        page = page.replace("@media print", "@media all").replace("@media screen", "@media speech")
    page = page.replace("</body>", f"{EVEN}<script>{script}</script></body>")
    look = LOOK.replace("WIDTH", str(width)).replace("PAGE", json.dumps(page).replace("</", "<\\/"))
    with tempfile.TemporaryDirectory(prefix="axe-") as place:
        frame = Path(place) / "frame.html"
        frame.write_text(f"<!doctype html><meta charset=utf-8><body><script>{look}</script>", encoding="utf-8")
        dark = f"--blink-settings=preferredColorScheme={0 if theme == 'dark' else 1}"
        command = [browser(), *OPTIONS, dark, f"--user-data-dir={place}/profile", "--dump-dom", frame.as_uri()]
        printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
    found: dict[str, Any] = json.loads(html.unescape(re.findall(r"<pre>(.*?)</pre>", printed, re.S)[-1]))
    return found


def main() -> None:
    """Look at every page, print what is found, and end with status 1 if anything is."""
    script, bad = axe(), 0
    given = {name: partial(Path(name).read_text, encoding="utf-8") for name in sys.argv[1:] if name not in SHEETS}
    asked = {name: SHEETS[name] for name in sys.argv[1:] if name in SHEETS}
    for name, make in (given | asked or SHEETS).items():
        page = make()
        for view, width, theme in VIEWS:
            found = looked(page, script, width, theme, paper=view == "print")
            wide = found["scroll"] > found["room"] and view != "print"
            bad += len(found["violations"]) + wide
            eye = ", ".join(f"{rule['rule']} ({rule['count']})" for rule in found["incomplete"]) or "nothing"
            said = f"{len(found['violations'])} violations; to be judged by eye: {eye}"
            print(f"{Path(name).name:14} {view:11} {said}{', wider than the page' if wide else ''}", flush=True)
            for rule in found["violations"]:
                print(f"    {rule['impact']}: {rule['rule']} ({rule['count']}): {rule['help']}")
                print("".join(f"        {node}\n" for node in rule["nodes"]), end="")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
