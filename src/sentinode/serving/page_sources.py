"""What the built page was built from: the rule by which the build and the server compare it with the sources in `web/`.

`hatch_build.py` runs this file before the package can be imported, so it imports nothing of ours.
"""

import hashlib
from pathlib import Path

SOURCES = ("index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "public", "src")
STAMP = "built-from.txt"
"""In the page's folder: the hash of what it was built from. Times of change don't outlive a checkout or an archive."""


def hash_of_sources(web: Path) -> str:
    """SHA-256 over names and bytes of all that the page is built from."""
    return hash_of(web, *(web / name for name in SOURCES))


def hash_of(root: Path, *places: Path) -> str:
    """SHA-256 over names, below `root`, and bytes of files and folders."""
    total = hashlib.sha256()
    for place in places:
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file():
                total.update(path.relative_to(root).as_posix().encode() + b"\0")
                total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def is_outdated(page: Path, checkout: Path) -> bool:
    """Whether a built page is not of the sources that lie in a checkout; False where there are none, or no page."""
    web, stamp = checkout / "web", page / STAMP
    if not (checkout / "hatch_build.py").is_file() or not web.is_dir() or not (page / "index.html").is_file():
        return False
    return not stamp.is_file() or stamp.read_text(encoding="utf-8") != hash_of_sources(web)
