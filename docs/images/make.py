"""Makes the README's pictures of the viewer: a real server, its own page, a headless Chromium.

    python docs/images/make.py [--images DIR] [--slides DIR --scans DIR --slide NAME] [--bundle pcam]

Without `--slides` two slides are drawn (`sentinode compose synthetic:slides`) and scanned first. `--scans` holds a
finished scan of the slide NAME; `--images` holds patches, without them the picture of patches is left as it is.
"""

import argparse
import io
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
SIZE = {"width": 1280, "height": 800}
QUALITY = 52
WAIT_MS = 900_000
"""Cold, the first explanation loads torch; on a busy machine that takes minutes."""
SENTINODE = [sys.executable, "-m", "sentinode.cli.main"]


def main() -> None:
    """Starts the server, takes the pictures, ends the server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", default="pcam")
    parser.add_argument("--slide", default="tumour_001")
    for name in ("slides", "scans", "images"):
        parser.add_argument(f"--{name}", type=Path)
    given = parser.parse_args()
    if (given.slides is None) != (given.scans is None):
        parser.error("--slides and --scans go together")
    with tempfile.TemporaryDirectory() as folder:
        slides, scans = given.slides or Path(folder, "slides"), given.scans or Path(folder, "scans")
        if given.slides is None:
            run("compose", "synthetic:slides", "--slides", "2", "--out", slides)
            run("scan", given.bundle, *sorted(slides.glob("*.tif")), "--out", scans)
        serve = ["serve", given.bundle, "--slides", slides, "--scans", scans, "--data", Path(folder, "data")]
        server = subprocess.Popen([*SENTINODE, *map(str, serve), "--port", "0"], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            found = re.search(r"http://\S+:\d+", server.stdout.readline())
            assert found, "the server did not start; its message is above"
            images = sorted(given.images.iterdir())[:14] if given.images else []
            photograph(found[0], given.slide, images)
        finally:
            server.terminate()
            server.wait()


def run(*words: object) -> None:
    """A command of Sentinode."""
    subprocess.run([*SENTINODE, *map(str, words)], check=True)


def photograph(address: str, slide: str, images: list[Path]) -> None:
    """Every view once; the slide in both themes."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program, "no Chromium is installed: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])

        def opened(view: str, theme: str = "light") -> Page:
            # Without movements what is asked for is what is shown.
            context = browser.new_context(viewport=SIZE, color_scheme=theme, reduced_motion="reduce")
            context.set_default_timeout(WAIT_MS)
            page = context.new_page()
            page.goto(f"{address}/#/{view}")
            return page

        for theme in ("light", "dark"):
            page = opened("slides", theme)
            page.get_by_role("heading", name=slide).wait_for()
            if theme == "light":
                save(page, "viewer-slides")
            page.get_by_role("heading", name=slide).get_by_role("link").click()
            page.locator(".lesion-main").first.click()
            page.keyboard.press("x")
            page.get_by_role("region", name="Explained tile").get_by_alt_text("Where the model looked").wait_for()
            save(page, f"viewer-slide-{theme}")
        if images:
            page = opened("patch")
            page.get_by_label("Images", exact=True).set_input_files(images)
            page.get_by_alt_text("Where the model looked").wait_for()
            save(page, "viewer-patch")
        browser.close()


def save(page: Page, name: str) -> None:
    """Once nothing is fetched any more; of few bytes: WebP."""
    page.wait_for_load_state("networkidle")
    page.wait_for_function("() => [...document.images].every(image => image.complete)")
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").save(HERE / f"{name}.webp", quality=QUALITY, method=6)


if __name__ == "__main__":
    main()
