"""Draw docs/tearsheet.png, the first screen of a report's page, by Chromium.

rebalance report data/portfolios/global_multi_asset.yaml
python .ci/tearsheet_picture.py reports/RUN
"""

import subprocess
import sys
from pathlib import Path

from desk.commands.print_page import BROWSER_OPTIONS
from foundation.files import work_folder
from foundation.paper.browser import browser

PICTURE = Path(__file__).parent.parent / "docs" / "tearsheet.png"
WIDE, HIGH = 1200, 900  # px of a window: what a reader sees before scrolling


def draw(page: Path) -> None:
    """Write the picture of a page."""
    with work_folder() as place:
        window = ["--hide-scrollbars", f"--window-size={WIDE},{HIGH}", f"--screenshot={PICTURE}"]
        command = [browser(), *BROWSER_OPTIONS, "--no-sandbox", f"--user-data-dir={place}/profile", *window]
        subprocess.run([*command, page.resolve().as_uri()], check=True, capture_output=True)


if __name__ == "__main__":
    draw(Path(sys.argv[1]) / "tearsheet.html")
