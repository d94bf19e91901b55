"""A bundle: the folder that is the only thing to pass from training to everything after it. Opened without torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from sentinode.core.arrays import read_npz
from sentinode.core.errors import BundleError
from sentinode.core.files import sha256_of_file
from sentinode.core.result_folder import ResultKind
from sentinode.core.settings import Settings
from sentinode.models.bundle_info import (
    EXAMPLE_FILE,
    FIRST_SEALED,
    FORMAT_VERSION,
    GRAPH_FILE,
    INFO_FILE,
    PRETRAINED_INFO_FILE,
    REFERENCE_FILE,
    REQUIRED_FILES,
    SEEN_FILE,
    SLIDE_INFO_FILE,
    TILES_FOLDER,
    WEIGHTS_FILE,
    BundleInfo,
)
from sentinode.models.bundle_seal import SEAL, check_seal
from sentinode.models.bundle_signature import check_trusted
from sentinode.models.sealed_folder import check_files, read_facts

BUNDLE_FOLDER = ResultKind("a bundle", (INFO_FILE,))


@dataclass(frozen=True)
class Bundle:
    """A bundle whose files are those that were written. Whether it still answers alike, an engine finds on opening."""

    name: str
    """As it was asked for: a path or a shipped name."""

    folder: Path
    info: BundleInfo

    @property
    def sha256(self) -> str:
        """The bundle's hash: over `bundle.json`, which lists those of every other file."""
        # A bundle of format 1 has none of its own.
        return self.info.sha256 or sha256_of_file(self.folder / INFO_FILE)

    @property
    def graph(self) -> Path:
        """The ONNX file."""
        return self.folder / GRAPH_FILE

    @property
    def weights(self) -> Path:
        """The safetensors file of the network's state dict."""
        return self.folder / WEIGHTS_FILE

    def example(self) -> dict[str, NDArray[Any]]:
        """`tiles` uint8 (n, H, W, 3) and what they must give: `probabilities` (n, classes), `embedding` (n, D)."""
        return read_arrays(self.folder / EXAMPLE_FILE)

    def reference(self) -> dict[str, NDArray[Any]]:
        """A sample of embeddings, scores and stain statistics of the training data, for noticing drift."""
        return read_arrays(self.folder / REFERENCE_FILE)

    def seen(self) -> dict[str, NDArray[Any]]:
        """Sorted uint64 pixel hashes of the images that it has learned from, by split; empty where not recorded."""
        return read_arrays(self.folder / SEEN_FILE) if SEEN_FILE in self.info.files else {}


def open_bundle(name: str | Path, *, trust: Sequence[Path] | None = None) -> Bundle:
    """Open a bundle and check that every file is the one that was written.

    Args:
        name: The bundle's folder, or the name of one that is shipped with the package.
        trust: Files of public keys, one of which must have signed it; none: nobody need have. None: those that the
            environment names.

    Raises:
        BundleError: There is no such bundle, its format is newer than this package, `bundle.json` is damaged, a file
            is missing or was changed; or none of the keys has signed it.
    """
    folder = _find(str(name))
    info = _read_info(folder)
    check_files(folder, REQUIRED_FILES, info.files)
    bundle = Bundle(str(name), folder, info)
    # Asked for here and not handed down: a caller that forgot it would open what is not trusted.
    if keys := Settings.from_environment().trust if trust is None else trust:
        check_trusted(folder, bundle.sha256, keys)
    return bundle


def is_bundle(name: str) -> bool:
    """Whether `name` is a bundle's folder or the name of one that is shipped; nothing is read or checked."""
    return name in shipped_bundles() or (Path(name).expanduser() / INFO_FILE).is_file()


def shipped_bundles() -> list[str]:
    """Names of the bundles that come with the package, sorted."""
    root = _shipped_root()
    return sorted(path.parent.name for path in root.glob(f"*/{INFO_FILE}"))


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read an npz file, without pickle.

    Raises:
        BundleError: It is damaged, or inflates beyond bounds.
    """
    try:
        return read_npz(path)
    except (OSError, ValueError) as error:
        raise BundleError(f"{path} can't be read ({error}); get the bundle again") from error


def _shipped_root() -> Path:
    return Path(str(resources.files("sentinode"))) / "shipped"


def _find(name: str) -> Path:
    folder = Path(name).expanduser()
    if (folder / INFO_FILE).is_file():
        return folder
    if name in shipped_bundles():
        return _shipped_root() / name
    shipped = ", ".join(shipped_bundles()) or "none"
    if (folder / SLIDE_INFO_FILE).is_file():
        raise BundleError(
            f"{folder} is a slide bundle, which judges whole slides: `sentinode scan {folder} SLIDE`; what judges its "
            f"tiles, if it is a bundle, is {folder / TILES_FOLDER}"
        )
    if (folder / PRETRAINED_INFO_FILE).is_file():
        raise BundleError(
            f"{folder} is a pretrained bundle, which learned without labels and tells no classes apart; train on it "
            f"(`sentinode train RECIPE --set model.weights=bundle:{folder}`), and use the bundle that comes of it"
        )
    if folder.is_dir():
        raise BundleError(f"{folder} is no bundle: it has no {INFO_FILE}; give the folder that holds it")
    raise BundleError(f"there is no bundle {name!r}; give a bundle's folder or the name of a shipped one ({shipped})")


def _read_info(folder: Path) -> BundleInfo:
    path = folder / INFO_FILE
    info, fields = read_facts(path, BundleInfo, FORMAT_VERSION)
    if unknown := set(info.files) - REQUIRED_FILES - {SEEN_FILE}:
        raise BundleError(f"{path} lists files that no bundle has: {', '.join(sorted(unknown))}; get the bundle again")
    if info.format_version >= FIRST_SEALED or SEAL in fields:
        check_seal(path, fields)
    return info
