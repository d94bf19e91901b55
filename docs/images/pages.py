"""Makes a picture of the head of a page that Sentinode wrote, for the README:

sentinode evaluate pcam --data folder:pcam-real --split test --out looked
python docs/images/pages.py looked/report.html docs/report.png --height 1449
"""

import argparse
import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

WIDTH = 960
SCALE = 4 / 3
"""1,280 pixels across: as sharp as the README shows it."""
COLOURS = 256


def main() -> None:
    """Opens the page in a headless Chromium, in its light colours."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument(
        "--height", type=int, default=1131, help="of the head, in the page's pixels: a multiple of three"
    )
    given = parser.parse_args()
    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program, "no Chromium is installed: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        size = {"width": WIDTH, "height": given.height}
        page = browser.new_page(viewport=size, device_scale_factor=SCALE, color_scheme="light")
        page.goto(given.page.resolve().as_uri())
        picture = Image.open(io.BytesIO(page.screenshot()))
        browser.close()
    picture.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE).save(given.picture, optimize=True)


if __name__ == "__main__":
    main()
