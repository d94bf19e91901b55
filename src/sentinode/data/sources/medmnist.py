"""`medmnist:FILE.npz`: any 2D set of MedMNIST v2 with one label an image (Yang et al., Scientific Data 2023)."""

import re
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.core.files import sha256_of_json
from sentinode.core.messages import plural
from sentinode.data.source import Exclusion, Record
from sentinode.data.sources.file_source import file_stamp
from sentinode.data.sources.slabs import SlabReader, slab_rows

_SPLITS = ("train", "val", "test")
_ORGANS = (
    *("bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right"),
    *("liver", "lung-left", "lung-right", "pancreas", "spleen"),
)
# The archives hold numbers; these are the names that MedMNIST gives them. A set that is not here keeps its numbers.
_CLASS_NAMES: dict[str, tuple[str, ...]] = {
    "pathmnist": (
        *("adipose", "background", "debris", "lymphocytes", "mucus", "smooth muscle", "normal colon mucosa"),
        *("cancer-associated stroma", "colorectal adenocarcinoma epithelium"),
    ),
    "dermamnist": (
        *("actinic keratoses and intraepithelial carcinoma", "basal cell carcinoma", "benign keratosis-like lesions"),
        *("dermatofibroma", "melanoma", "melanocytic nevi", "vascular lesions"),
    ),
    "octmnist": ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
    "pneumoniamnist": ("normal", "pneumonia"),
    "breastmnist": ("malignant", "normal, benign"),
    "bloodmnist": (
        *("basophil", "eosinophil", "erythroblast"),
        *("immature granulocytes", "lymphocyte", "monocyte", "neutrophil", "platelet"),
    ),
    "tissuemnist": (
        *("Collecting Duct, Connecting Tubule", "Distal Convoluted Tubule", "Glomerular endothelial cells"),
        *("Interstitial endothelial cells", "Leukocytes", "Podocytes", "Proximal Tubule Segments"),
        "Thick Ascending Limb",
    ),
    **dict.fromkeys(("organamnist", "organcmnist", "organsmnist"), _ORGANS),
}
_POSITIVE = {"pneumoniamnist": "pneumonia", "breastmnist": "malignant"}


def recognises(path: Path) -> bool:
    """Whether `path` is a file whose name ends in .npz."""
    return path.suffix.lower() == ".npz" and path.is_file()


def open_path(path: Path) -> "MedmnistSource":
    """Open the archive at `path`; any subset of train, val and test.

    Raises:
        DataNotFoundError: There is no such file.
        DataError: It is not an npz archive, lacks MedMNIST's arrays, or is a 3D or multi-label set.
    """
    if not path.is_file():
        raise DataNotFoundError(f"{path} is not a file; medmnist: needs one such as pathmnist.npz")
    try:
        return MedmnistSource(path)
    except (zipfile.BadZipFile, EOFError) as error:
        raise DataError(f"{path} is not a whole npz archive ({error}); fetch it again") from error


class MedmnistSource:
    """A MedMNIST set; implements `sentinode.data.source.Source`.

    The archive is unpacked as a stream, some 16 MiB at a time: the 13 GB of a 224 px set are never in memory. Going
    through it in order is fast; going back starts from the beginning of that split.
    """

    exclusions: tuple[Exclusion, ...] = ()

    def __init__(self, path: Path) -> None:
        self.address = f"medmnist:{path}"
        self._path = path
        with zipfile.ZipFile(path) as archive:
            members = set(archive.namelist())
        splits = [split for split in _SPLITS if f"{split}_images.npy" in members]
        if not splits:
            found = ", ".join(sorted(name.removesuffix(".npy") for name in members)) or "nothing"
            raise DataError(f"{path} has no train_images, val_images or test_images; it holds {found}")
        self._images = {split: _open_images(path, f"{split}_images.npy") for split in splits}
        self._readers = {split: member.reader() for split, member in self._images.items()}
        self._labels = {split: _read_labels(path, split, member.shape[0]) for split, member in self._images.items()}
        name = re.sub(r"_\d+$", "", path.stem.lower())
        largest = max(int(labels.max(initial=0)) for labels in self._labels.values())
        self.class_names = _CLASS_NAMES.get(name, tuple(str(number) for number in range(largest + 1)))
        self.positive = _POSITIVE.get(name, "1" if self.class_names == ("0", "1") else None)

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """Every image: train, val, test, in the archive's order."""
        return tuple(
            Record(f"{split}/{number:06d}", f"{self._path}#{split}/{number}", self._class_name(label), None, split)
            for split, labels in self._labels.items()
            for number, label in enumerate(labels.tolist())
        )

    def read(self, index: int) -> NDArray[np.uint8]:
        """Pixels of `records[index]`, grey copied to all three channels; see `Source.read`."""
        for split, member in self._images.items():
            if index < member.shape[0]:
                image = self._readers[split].read(index)
                grey = image.reshape(*member.shape[1:3], -1)
                return np.ascontiguousarray(np.broadcast_to(grey, (*grey.shape[:2], 3)))
            index -= member.shape[0]
        raise IndexError(index)

    def fingerprint(self) -> str:
        """A hash of the archive's size, time and shapes."""
        return sha256_of_json([file_stamp(self._path), {split: m.shape for split, m in self._images.items()}])

    def _class_name(self, label: int) -> str:
        return self.class_names[label] if 0 <= label < len(self.class_names) else str(label)


@dataclass(frozen=True)
class _Member:
    """An array inside an npz archive, read piece by piece."""

    path: Path
    name: str
    shape: tuple[int, ...]
    start: int
    """Where in the unpacked member its data begins, in bytes."""

    def reader(self) -> SlabReader:
        image_bytes = int(np.prod(self.shape[1:]))
        stream = zipfile.ZipFile(self.path).open(self.name)  # noqa: SIM115 – stays open as long as the source

        def load(start: int, stop: int) -> NDArray[np.uint8]:
            try:
                stream.seek(self.start + start * image_bytes)
                content = stream.read((stop - start) * image_bytes)
                return np.frombuffer(content, dtype=np.uint8).reshape(stop - start, *self.shape[1:])
            except (zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
                message = f"{self.path} is damaged in {self.name}, images {start} to {stop} ({error}); fetch it again"
                raise DataError(message) from error

        return SlabReader(load, self.shape[0], slab_rows(image_bytes))


def _open_images(path: Path, name: str) -> _Member:
    with zipfile.ZipFile(path) as archive, archive.open(name) as stream:
        read_header = (
            np.lib.format.read_array_header_1_0
            if np.lib.format.read_magic(stream) == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, fortran_order, dtype = read_header(stream)
        start = stream.tell()
    is_grey, is_colour = len(shape) == 3, len(shape) == 4 and shape[3] in (1, 3)
    if not (is_grey or is_colour):
        raise DataError(f"{path}: {name} has the shape {shape}, a 3D set; give a 2D set: (N, H, W) or (N, H, W, 3)")
    if dtype != np.uint8 or fortran_order:
        raise DataError(f"{path}: {name} is {dtype}; MedMNIST's images are uint8 in C order")
    return _Member(path, name, shape, start)


def _read_labels(path: Path, split: str, count: int) -> NDArray[np.int64]:
    name = f"{split}_labels"
    with np.load(path, allow_pickle=False) as archive:
        if name not in archive.files:
            raise DataError(f"{path} has {split}_images but no {name}; fetch it again")
        labels = archive[name]
    if labels.ndim > 1 and labels.shape[1] > 1:
        raise DataError(
            f"{path}: {name} has {plural(labels.shape[1], 'label')} an image; give a set with one label an image"
        )
    if labels.size != count or labels.dtype.kind not in "iu":
        raise DataError(
            f"{path}: {name} is {labels.dtype} of shape {labels.shape} for {plural(count, 'image')}; fetch it again"
        )
    return np.asarray(labels.reshape(-1), dtype=np.int64)
