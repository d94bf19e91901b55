"""`sentinode bundle show`, `verify` and `sign`: what it is, whether it is as it was written, who vouches for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.messages import agree, plural, some
from sentinode.core.settings import Settings
from sentinode.core.system_files import is_system_file
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.bundle_info import CARD_FILE, INFO_FILE, PRETRAINED_INFO_FILE, SLIDE_INFO_FILE, TILES_FOLDER
from sentinode.models.bundle_signature import SIGNATURE_FILE, Signature, read_signature, write_signature
from sentinode.models.engines.engine_factory import open_engine, usable_engines
from sentinode.models.mil.slide_bundle import SlideBundle, is_slide_bundle, open_slide_bundle
from sentinode.models.mil.slide_engine import open_slide_engine, usable_slide_engines
from sentinode.models.pretrained_bundle import PretrainedBundle, is_pretrained_bundle, open_pretrained_bundle

AnyBundle = Bundle | SlideBundle | PretrainedBundle


@dataclass(frozen=True)
class BundleCard:
    """What a bundle says of itself."""

    bundle: AnyBundle

    def to_json(self) -> dict[str, Any]:
        """The content of `bundle.json`."""
        return self.bundle.info.model_dump(mode="json")

    def summary(self) -> str:
        """The model card, in Markdown, and the bundle's hash."""
        card = (self.bundle.folder / CARD_FILE).read_text(encoding="utf-8").rstrip()
        return f"{card}\n\nSHA-256 of the bundle: {self.bundle.sha256}"


@dataclass(frozen=True)
class BundleCheck:
    """A bundle that answered its example as recorded on every engine that is installed; a pretrained one has none."""

    bundle: AnyBundle
    engines: tuple[str, ...]

    signature: Signature | None
    """One that holds; None where it has none."""

    strangers: tuple[str, ...] = ()
    """What else lies in its folder. Nothing reads it: the graph takes weights from the bundle's own file alone."""

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        return {
            "bundle": str(self.bundle.folder),
            "sha256": self.bundle.sha256,
            "sealed": self.bundle.info.sha256 is not None,
            "signed_by": self.signature.fingerprint if self.signature else None,
            "files": len(self.bundle.info.files),
            "engines": list(self.engines),
            "strangers": list(self.strangers),
        }

    def summary(self) -> str:
        """A few lines for a person."""
        folder, info = self.bundle.folder, self.bundle.info
        engines = f", engines {', '.join(self.engines)}" if self.engines else ""
        lines = [f"{folder} is as it was written: {plural(len(info.files), 'file')}{engines}"]
        if info.sha256 is None:
            lines = [
                f"{folder}: {agree(len(info.files), 'file is as it was', 'files are as they were')} written{engines}",
                "bundle.json is of format 1, without a hash of itself: names, thresholds and figures can't be checked",
            ]
        lines.append(f"SHA-256    {self.bundle.sha256}")
        lines.append(f"signed by  {self.signature.fingerprint}" if self.signature else "not signed")
        if self.strangers:
            lines.append(f"note       not part of it, and read by nothing: {some(self.strangers)}")
        return "\n".join(lines)


@dataclass(frozen=True)
class SignedBundle:
    """A bundle that was signed."""

    bundle: AnyBundle
    signature: Signature

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        signer = self.signature.fingerprint
        return {"bundle": str(self.bundle.folder), "sha256": self.bundle.sha256, "signed_by": signer}

    def summary(self) -> str:
        """Two lines for a person."""
        return f"{self.bundle.folder} is signed by {self.signature.fingerprint}\nSHA-256    {self.bundle.sha256}"


def show_bundle(name: str | Path) -> BundleCard:
    """Open a bundle to be looked at.

    Raises:
        BundleError: There is no such bundle, or a file is not the one that was written.
    """
    return BundleCard(_open(name))


def verify_bundle(name: str | Path, *, settings: Settings | None = None) -> BundleCheck:
    """Check a bundle: every file's hash, and the answers to its example on every engine that is installed.

    Raises:
        BundleError: A file is not the one that was written, an engine answers differently than recorded, or a
            signature doesn't hold.
    """
    bundle = _open(name)
    engines = _agreeing(bundle, (settings or Settings.from_environment()).threads)
    own = {INFO_FILE, SIGNATURE_FILE, *bundle.info.files}
    if isinstance(bundle, SlideBundle):
        own = {SLIDE_INFO_FILE, SIGNATURE_FILE, *bundle.info.files, *([TILES_FOLDER] if bundle.tiles else [])}
    elif isinstance(bundle, PretrainedBundle):
        own = {PRETRAINED_INFO_FILE, SIGNATURE_FILE, *bundle.info.files}
    strangers = sorted(
        path.name + ("/" if path.is_dir() else "")
        for path in bundle.folder.iterdir()
        if path.name not in own and not is_system_file(path.name)
    )
    return BundleCheck(bundle, engines, read_signature(bundle.folder, bundle.sha256), tuple(strangers))


def sign_bundle(name: str | Path, key: str | Path, *, passphrase: str | None = None) -> SignedBundle:
    """Sign a bundle, in its folder; its other files stay as they are.

    Args:
        name: A bundle's folder, or the name of a shipped one.
        key: A file with an Ed25519 private key, of OpenSSL (PEM) or of OpenSSH.
        passphrase: Of the key, if it has one.

    Raises:
        BundleError: There is no such bundle, or a file is not the one that was written.
        SentinodeError: The key can't be used.
        StorageError: The bundle's folder can't be written.
    """
    bundle = _open(name, trust=())  # what nobody has signed yet is to be signed
    return SignedBundle(bundle, write_signature(bundle.folder, bundle.sha256, Path(key), passphrase))


def _open(name: str | Path, trust: Sequence[Path] | None = None) -> AnyBundle:
    if is_slide_bundle(name):
        return open_slide_bundle(name, trust=trust)
    return open_pretrained_bundle(name, trust=trust) if is_pretrained_bundle(name) else open_bundle(name, trust=trust)


def _agreeing(bundle: AnyBundle, threads: int) -> tuple[str, ...]:
    """The engines that are installed, each of which has answered the example as recorded; of a slide bundle, both."""
    if isinstance(bundle, PretrainedBundle):
        return ()
    if isinstance(bundle, Bundle):
        return tuple(open_engine(bundle, engine, threads=threads).name for engine in usable_engines(bundle))
    of_slides = [open_slide_engine(bundle, engine, threads=threads).name for engine in usable_slide_engines()]
    if bundle.tiles is None:
        return tuple(of_slides)
    return tuple(name for name in _agreeing(bundle.tiles, threads) if name in of_slides)
