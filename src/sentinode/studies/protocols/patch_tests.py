"""The public test sets of patches, each in its own layout."""

from functools import partial
from pathlib import Path

from sentinode.core.errors import DataError
from sentinode.core.messages import listed
from sentinode.data.address import open_source
from sentinode.data.source import Source
from sentinode.data.sources.source_part import SourcePart
from sentinode.studies.protocols.patch_protocol import PatchTest, measure_patches
from sentinode.studies.protocols.published import NCT, PATHMNIST, PCAM

_NCT_CLASSES = ("ADI", "BACK", "DEB", "LYM", "MUC", "MUS", "NORM", "STR", "TUM")
_NCT_TEST, _NCT_TRAIN = "CRC-VAL-HE-7K", "NCT-CRC-HE-100K"
_ARCHIVES = ("pathmnist.npz", "pathmnist_64.npz", "pathmnist_128.npz", "pathmnist_224.npz")


def _open_pcam(root: Path) -> Source | None:
    if not all((root / file).is_file() for file in PCAM.looked_for):
        return None
    return SourcePart(open_source(f"pcam:{root}"), "test")


def _open_nct(root: Path) -> Source | None:
    return _nct_part(root / _NCT_TEST)


def _open_nct_train(root: Path) -> Source | None:
    return _nct_part(root / _NCT_TRAIN)


def _nct_part(folder: Path) -> Source | None:
    """One of its two parts, which has nine class folders.

    Raises:
        DataError: Some of the nine are there and others not.
    """
    there = [name for name in _NCT_CLASSES if (folder / name).is_dir()]
    if not there:
        return None
    missing = [name for name in _NCT_CLASSES if name not in there]
    if missing:
        raise DataError(f"{folder} has no class folder {listed(missing)}; unpack the archive again")
    return open_source(f"folder:{folder}")


def _open_pathmnist(root: Path) -> Source | None:
    return _pathmnist_part(root, "test")


def _open_pathmnist_train(root: Path) -> Source | None:
    return _pathmnist_part(root, "train")


def _pathmnist_part(root: Path, split: str) -> Source | None:
    """Of the archive at `root`, or of the only one in the folder `root`.

    Raises:
        DataError: Several sizes lie in one folder.
    """
    files = [root] if root.name in _ARCHIVES else [root / name for name in _ARCHIVES]
    found = [file for file in files if file.is_file()]
    if len(found) > 1:
        raise DataError(f"{root} has {listed([file.name for file in found])}; say which: --root {found[0]}")
    if not found:
        return None
    part = SourcePart(open_source(f"medmnist:{found[0]}"), split)
    return part if part.records else None


_PCAM = PatchTest(PCAM, _open_pcam)
_NCT = PatchTest(NCT, _open_nct, _open_nct_train)
_PATHMNIST = PatchTest(PATHMNIST, _open_pathmnist, _open_pathmnist_train)

measure_pcam = partial(measure_patches, _PCAM)
measure_nct = partial(measure_patches, _NCT)
measure_pathmnist = partial(measure_patches, _PATHMNIST)
