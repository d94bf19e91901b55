"""GET / and the files of the page."""

from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response

from sentinode.serving.problems import Problem
from sentinode.serving.routes.answers import answers, as_json
from sentinode.serving.schemas import Healthy
from sentinode.serving.service import service_of

router = APIRouter(tags=["operation"])
PAGE = Path(__file__).parents[1] / "page"
"""Where the build puts the page."""
_TYPES = {
    ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png", ".woff2": "font/woff2",
    ".json": "application/json", ".map": "application/json", ".ico": "image/x-icon", ".webp": "image/webp",
}  # fmt: skip
_MISSING = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Sentinode</title>
<h1>The page is not built</h1>
<p>The API works. To build the page: <code>pip install .</code> in a checkout of Sentinode, or <code>make page</code>.
See <a href="openapi.json">/openapi.json</a> for the API.</p></html>
"""


@router.get("/", responses=answers(Healthy), summary="Health, or the page for a browser")
async def get_health_or_page(request: Request) -> Response:
    """Whether the server answers and its model is loaded; a browser, which accepts text/html, gets the page."""
    if "text/html" not in request.headers.get("accept", ""):
        return as_json({"status": "healthy", "model_loaded": service_of(request).model.ready})
    index = PAGE / "index.html"
    headers = {"Cache-Control": "no-cache", "Vary": "Accept"}
    if not index.is_file():
        return Response(_MISSING, media_type="text/html; charset=utf-8", headers=headers)
    return FileResponse(index, media_type="text/html; charset=utf-8", headers=headers)


@router.get("/assets/{file}", include_in_schema=False)
async def asset(file: str) -> Response:
    """A file of the page; its name has its hash, so it may be kept for ever."""
    return _file(PAGE / "assets", file, "public, max-age=31536000, immutable")


@router.get("/favicon.svg", include_in_schema=False)
async def icon() -> Response:
    """The page's icon."""
    return _file(PAGE, "favicon.svg", "no-cache")


def _file(folder: Path, name: str, cache: str) -> Response:
    # The name is compared with what is there, and never made a path.
    found = {path.name: path for path in folder.iterdir()} if folder.is_dir() else {}
    path = found.get(name)
    if path is None or path.suffix not in _TYPES or not path.is_file():
        raise Problem(404, "the page has no such file; reload it")
    return FileResponse(path, media_type=_TYPES[path.suffix], headers={"Cache-Control": cache})
