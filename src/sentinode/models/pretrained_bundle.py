"""A pretrained bundle: the folder of a network that has learned without labels. It has no classes, and so no
graph and no threshold: it is weights to start from, for `train`, `features`, `crossval` and `mil`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from sentinode.core.errors import BundleError
from sentinode.core.settings import Settings
from sentinode.models.bundle import Bundle, open_bundle, read_arrays
from sentinode.models.bundle_info import CARD_FILE, PRETRAINED_INFO_FILE, SEEN_FILE, WEIGHTS_FILE, Input, Provenance
from sentinode.models.bundle_seal import check_seal
from sentinode.models.bundle_signature import check_trusted
from sentinode.models.model_config import BUNDLE_PREFIX, ModelConfig
from sentinode.models.sealed_folder import check_files, read_facts

PRETRAINED_FORMAT_VERSION = 1
PRETRAINED_FILES = frozenset({WEIGHTS_FILE, CARD_FILE, SEEN_FILE})


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Probed(_Part):
    """One probe of the run."""

    step: int
    value: float
    embedding_rank: float
    """Effective rank of the embeddings: about how many directions they use."""


class PretrainingRecord(_Part):
    """How the network has learned."""

    method: str
    images: int = Field(ge=1)
    """That were learned from."""
    steps: int = Field(ge=1)
    """That were done."""
    batch_size: int = Field(ge=1)
    kept_step: int
    """Whose weights these are: of the best probe after the start."""
    probe: str
    """What was probed, in words."""
    curve: tuple[Probed, ...] = Field(min_length=2)
    """The first is of the weights that it started from."""
    fell: bool
    """Whether the run ended early, because the probe fell."""


class PretrainedInfo(_Part):
    """All of `pretrained.json`."""

    format_version: int = PRETRAINED_FORMAT_VERSION
    name: str
    task: Literal["pretraining"] = "pretraining"
    description: str = ""
    input: Input
    model: ModelConfig
    """The architecture and what is around it, as the recipe had it."""
    embedding_size: int = Field(ge=1)
    pretraining: PretrainingRecord
    provenance: Provenance
    limits: tuple[str, ...] = ()
    files: dict[str, str] = {}
    """SHA-256 of every other file, by its name; filled in when it is written."""
    sha256: str | None = None
    """The hash of all the other fields, `files` among them; filled in likewise."""


@dataclass(frozen=True)
class PretrainedBundle:
    """A pretrained bundle whose files are those that were written."""

    name: str
    """As it was asked for."""
    folder: Path
    info: PretrainedInfo

    @property
    def sha256(self) -> str:
        """Its hash: over `pretrained.json`, which lists those of every other file."""
        return str(self.info.sha256)

    @property
    def weights(self) -> Path:
        """The safetensors file of the network's state dict, without its head."""
        return self.folder / WEIGHTS_FILE

    def seen(self) -> dict[str, NDArray[Any]]:
        """Sorted uint64 pixel hashes of the images that it has learned from, as `train`."""
        return read_arrays(self.folder / SEEN_FILE)


def is_pretrained_bundle(name: str | Path) -> bool:
    """Whether `name` is the folder of one; nothing is read or checked."""
    return (Path(name).expanduser() / PRETRAINED_INFO_FILE).is_file()


def open_pretrained_bundle(name: str | Path, *, trust: Sequence[Path] | None = None) -> PretrainedBundle:
    """Open a pretrained bundle and check that every file is the one that was written.

    Args:
        name: The folder.
        trust: As for `open_bundle`.

    Raises:
        BundleError: There is none, its format is newer than this package, a file is missing or was changed; or none of
            the keys has signed it.
    """
    folder = Path(name).expanduser()
    path = folder / PRETRAINED_INFO_FILE
    if not path.is_file():
        raise BundleError(
            f"{folder} is no pretrained bundle: it has no {PRETRAINED_INFO_FILE}; give the folder that holds it"
        )
    info, fields = read_facts(path, PretrainedInfo, PRETRAINED_FORMAT_VERSION)
    check_seal(path, fields)
    check_files(folder, PRETRAINED_FILES, info.files)
    bundle = PretrainedBundle(str(name), folder, info)
    if keys := Settings.from_environment().trust if trust is None else trust:
        check_trusted(folder, bundle.sha256, keys)
    return bundle


def open_weights(weights: str) -> Bundle | PretrainedBundle | None:
    """What `model.weights` names as `bundle:PATH|NAME`: a bundle or a pretrained one; None: it names neither.

    Raises:
        BundleError: There is no such bundle, or it is damaged.
    """
    if not weights.startswith(BUNDLE_PREFIX):
        return None
    name = weights.removeprefix(BUNDLE_PREFIX)
    return open_pretrained_bundle(name) if is_pretrained_bundle(name) else open_bundle(name)
