"""Makes the README's pictures of the viewer: a real server, its own page, a headless Chromium.

    python docs/images/make.py --slides DIR --scans DIR --slide NAME --images DIR [--bundle pcam]

`--scans` holds a finished scan of the slide NAME; `--images` holds patches.
"""

import argparse
import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
SIZE = {"width": 1280, "height": 800}
QUALITY = 78
WAIT_MS = 120_000


def main() -> None:
    """Starts the server, takes the pictures, ends the server."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("slides", "scans", "slide", "images"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--bundle", default="pcam")
    given = parser.parse_args()
    command = [sys.executable, "-m", "sentinode.cli.main", "serve", given.bundle, "--slides", given.slides]
    server = subprocess.Popen([*command, "--scans", given.scans, "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        found = re.search(r"http://\S+:\d+", server.stdout.readline())
        assert found, "the server did not start; its message is above"
        photograph(found[0], given.slide, sorted(Path(given.images).iterdir())[:14])
    finally:
        server.terminate()
        server.wait()


def photograph(address: str, slide: str, images: list[Path]) -> None:
    """Every view once; the slide in both themes."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program, "no Chromium is installed: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for theme in ("light", "dark"):
            page = browser.new_page(viewport=SIZE, color_scheme=theme)
            page.set_default_timeout(WAIT_MS)
            page.goto(f"{address}/#/slides")
            page.get_by_role("heading", name=slide).wait_for()
            if theme == "light":
                page.wait_for_timeout(4000)  # thumbnails
                save(page, "viewer-slides")
            page.get_by_role("heading", name=slide).get_by_role("link").click()
            page.locator(".lesion-main").first.click()
            page.wait_for_timeout(2500)  # the movement, and tiles
            page.keyboard.press("x")
            page.get_by_role("region", name="Explained tile").get_by_alt_text("Where the model looked").wait_for()
            page.wait_for_timeout(1500)
            save(page, f"viewer-slide-{theme}")
            page.close()
        page = browser.new_page(viewport=SIZE)
        page.set_default_timeout(WAIT_MS)
        page.goto(f"{address}/#/patch")
        page.get_by_label("Images", exact=True).set_input_files(images)
        page.get_by_alt_text("Where the model looked").wait_for()
        page.wait_for_timeout(500)
        save(page, "viewer-patch")
        browser.close()


def save(page: Page, name: str) -> None:
    """Of few bytes: WebP."""
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").save(HERE / f"{name}.webp", quality=QUALITY, method=6)


if __name__ == "__main__":
    main()
