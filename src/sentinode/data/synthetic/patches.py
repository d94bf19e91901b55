"""`synthetic:patches`: patches in the manner of PatchCamelyon, drawn by a seeded procedure: all works without data.

22 slides, each with its own stain, scanner and type of tumour, are the groups: 12 to train on, 4 to validate, 6 to
test. It says how well the machinery works, nothing about real tissue.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import DataError
from sentinode.core.files import sha256_of_json
from sentinode.data.source import Exclusion, Record
from sentinode.data.synthetic.scenes import draw_scene
from sentinode.data.synthetic.slide_look import SlideLook
from sentinode.data.synthetic.tissue import Canvas, Kit

_SPLITS = ("train",) * 12 + ("validation",) * 4 + ("test",) * 6
_DRAWING = 1  # counted up when the drawing changes, so that packed patches of an older drawing are not used again
_DEFAULTS = {"n": 3000, "seed": 0}
_CLASSES = ("normal", "tumour")
_TUMOUR_SPACING = (14.0, 14.8, 12.0, 15.6)  # px from nucleus to nucleus, by type of tumour


class SyntheticPatches:
    """The source `synthetic:patches`, with `n` patches in all (default 3,000) and a `seed` (default 0)."""

    class_names: tuple[str, ...] = _CLASSES
    positive: str | None = _CLASSES[1]
    exclusions: Sequence[Exclusion] = ()

    def __init__(self, parameters: Mapping[str, str]) -> None:
        """Plan the data set; nothing is drawn yet.

        Raises:
            DataError: A parameter is unknown, not a whole number, or too small.
        """
        values = {**_DEFAULTS, **_whole_numbers(parameters)}
        self._n, self._seed = values["n"], values["seed"]
        if self._n < 2 * len(_SPLITS):
            raise DataError(
                f"synthetic:patches?n={self._n} is too few: n must be at least {2 * len(_SPLITS)}, "
                f"one patch of each class from each of the {len(_SPLITS)} slides"
            )
        self.records: Sequence[Record] = self._plan()

    @property
    def address(self) -> str:
        """The full address, with every parameter."""
        return f"synthetic:patches?n={self._n}&seed={self._seed}"

    def fingerprint(self) -> str:
        """A hash of the parameters and of the drawing's version."""
        return sha256_of_json([self.address, _DRAWING])

    def read(self, index: int) -> NDArray[np.uint8]:
        """Draw patch `index`: (96, 96, 3) uint8, RGB. It depends on nothing that was drawn before."""
        return self._draw(index)[0]

    def tumour(self, index: int) -> NDArray[np.bool_]:
        """Where patch `index` has tumour nuclei: (96, 96). Tumour in the central 32 px is what its label says."""
        return self._draw(index)[1]

    def _draw(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        record = self.records[index]
        slide = int(self._slides[index])
        rng = self._generator("patch", index)
        canvas = Canvas(self._kit, rng, *self._tissues[slide])
        draw_scene(canvas, positive=record.label == self.positive)
        return self._looks[slide].scan(canvas.stains, rng), canvas.tumour_mask

    def _plan(self) -> list[Record]:
        """Slide after slide, each with its own share of positive patches, in a random order."""
        self._slides = np.sort(np.arange(self._n) % len(_SPLITS))
        records: list[Record] = []
        for slide, split in enumerate(_SPLITS):
            rng = self._generator("plan", slide)
            count = int((self._slides == slide).sum())
            positives = int(np.clip(round(rng.uniform(0.35, 0.65) * count), 1, count - 1))
            for number, tumour in enumerate(rng.permutation(np.arange(count) < positives)):
                name = f"{split}/slide{slide + 1:02d}/{number:05d}"
                path = f"{self.address}#{len(records)}"
                records.append(Record(name, path, _CLASSES[int(tumour)], f"slide{slide + 1:02d}", split))
        return records

    def _generator(self, *what: str | int) -> np.random.Generator:
        """A generator of its own for each thing drawn, so that the order of reading does not matter."""
        words = [int.from_bytes(part.encode(), "little") if isinstance(part, str) else part for part in what]
        return np.random.default_rng([self._seed, *words])

    @cached_property
    def _kit(self) -> Kit:
        return Kit.draw(self._generator("kit"))

    @cached_property
    def _looks(self) -> list[SlideLook]:
        return [SlideLook.draw(self._generator("look", slide)) for slide in range(len(_SPLITS))]

    @cached_property
    def _tissues(self) -> list[tuple[int, float, float]]:
        """For each slide its type of tumour, its crowding, and how far apart its tumour nuclei are."""
        tissues = []
        for slide in range(len(_SPLITS)):
            rng = self._generator("tissue", slide)
            kind = int(rng.integers(len(_TUMOUR_SPACING)))
            tissues.append((kind, float(rng.uniform(0.92, 1.1)), _TUMOUR_SPACING[kind] * float(rng.uniform(0.92, 1.1))))
        return tissues


def _whole_numbers(parameters: Mapping[str, str]) -> dict[str, int]:
    for name, text in parameters.items():
        if name not in _DEFAULTS:
            raise DataError(f"synthetic:patches has no parameter {name!r}; it has n and seed, as in ?n=2000&seed=1")
        if not (text.isascii() and text.isdigit()):
            raise DataError(f"synthetic:patches?{name}={text} is not a whole number; write it as in ?n=2000&seed=1")
    return {name: int(text) for name, text in parameters.items()}
