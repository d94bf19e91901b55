"""`sentinode bundle show` and `verify`: what a bundle is, and whether it is as it was written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.settings import Settings
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.bundle_info import CARD_FILE
from sentinode.models.engines.engine_factory import open_engine, usable_engines


@dataclass(frozen=True)
class BundleCard:
    """What a bundle says of itself."""

    bundle: Bundle

    def to_json(self) -> dict[str, Any]:
        """The content of `bundle.json`."""
        return self.bundle.info.model_dump(mode="json")

    def summary(self) -> str:
        """The model card, in Markdown."""
        return (self.bundle.folder / CARD_FILE).read_text(encoding="utf-8").rstrip()


@dataclass(frozen=True)
class BundleCheck:
    """A bundle that answered its example as recorded on every engine that is installed."""

    bundle: Bundle
    engines: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        files = len(self.bundle.info.files)
        return {"bundle": str(self.bundle.folder), "files": files, "engines": list(self.engines)}

    def summary(self) -> str:
        """A line for a person."""
        files = len(self.bundle.info.files)
        return f"{self.bundle.folder} is as it was written: {files} files, engines {', '.join(self.engines)}"


def show_bundle(name: str | Path) -> BundleCard:
    """Open a bundle to be looked at.

    Raises:
        BundleError: There is no such bundle, or a file is not the one that was written.
    """
    return BundleCard(open_bundle(name))


def verify_bundle(name: str | Path, *, settings: Settings | None = None) -> BundleCheck:
    """Check a bundle: every file's hash, and the answers to its example on every engine that is installed.

    Raises:
        BundleError: A file is not the one that was written, or an engine answers differently than recorded.
    """
    bundle = open_bundle(name)
    threads = (settings or Settings.from_environment()).threads
    return BundleCheck(
        bundle, tuple(open_engine(bundle, engine, threads=threads).name for engine in usable_engines(bundle))
    )
