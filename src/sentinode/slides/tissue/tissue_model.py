"""A learned tissue mask: logistic regression on the features of single pixels, kept as plain numbers in an .npz."""

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.core.files import atomic_file
from sentinode.core.messages import one_line
from sentinode.slides.tissue.pixel_features import FEATURES, pixel_features, reach_px, with_products
from sentinode.slides.tissue.stain import glass_colour

_BAND = 128
"""Rows of an overview that are worked on together."""
_ROWS_AT_ONCE = 1 << 16
"""Pixels whose features are expanded together: 90 columns of float32 are 24 MB."""
_CENTRE, _SCALE, _COEFFICIENTS = "centre", "scale", "coefficients"


class TissueModelInfo(BaseModel):
    """What a tissue model was made of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: int = Field(default=1, ge=1, le=1)
    mpp: float = Field(gt=0, allow_inf_nan=False)
    """µm/px of the overviews that it was trained on and wants."""
    features: tuple[str, ...] = FEATURES
    slides: tuple[str, ...]
    """Names of the training slides."""
    pixels: int = Field(gt=0)
    """Pixels that it was fitted to."""
    held_out_dice: dict[str, float | None]
    """Dice of each slide's mask by a model that did not see the slide; None: no tissue there, and none found."""
    sentinode: str
    """Version that made it."""


@dataclass(frozen=True, eq=False)
class TissueModel:
    """Says of each pixel whether it is tissue."""

    info: TissueModelInfo
    centre: NDArray[np.float32]
    """(F,) taken from the features."""
    scale: NDArray[np.float32]
    """(F,) what they are then divided by."""
    coefficients: NDArray[np.float32]
    """(1 + F + F(F + 1)/2,) intercept, then those of the scaled features and their products."""

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N,) probability of tissue for (N, F) features."""
        out = np.empty(len(features), np.float32)
        for start in range(0, len(features), _ROWS_AT_ONCE):
            scaled = (features[start : start + _ROWS_AT_ONCE] - self.centre) / self.scale
            logit = self.coefficients[0] + with_products(scaled) @ self.coefficients[1:]
            out[start : start + _ROWS_AT_ONCE] = 0.5 * (1 + np.tanh(0.5 * logit))  # the logistic, without overflow
        return out

    def predict(self, overview: NDArray[np.uint8], um_per_px: float) -> NDArray[np.bool_]:
        """(h, w) True where (h, w, 3) is more likely tissue than not; `um_per_px` is to be the model's."""
        glass, reach, height = glass_colour(overview), reach_px(um_per_px), len(overview)
        mask = np.empty(overview.shape[:2], bool)
        for top in range(0, height, _BAND):  # all features of a large slide would be hundreds of MB
            bottom, above = min(height, top + _BAND), max(0, top - reach)
            features = pixel_features(overview[above : bottom + reach], um_per_px, glass)[top - above :][: bottom - top]
            mask[top:bottom] = (self.probabilities(features.reshape(-1, len(FEATURES))) > 0.5).reshape(bottom - top, -1)
        return mask

    def save(self, path: Path) -> None:
        """Write the model to `path`, atomically.

        Raises:
            StorageError: It can't be written there.
        """
        arrays = {_CENTRE: self.centre, _SCALE: self.scale, _COEFFICIENTS: self.coefficients}
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            np.savez(file, info=np.array(self.info.model_dump_json()), **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a model.

        Raises:
            DataNotFoundError: There is no such file.
            DataError: It is not a tissue model, or one of other features or a newer version.
        """
        if not path.is_file():
            raise DataNotFoundError(f"{path} does not exist; make a tissue model with `sentinode tissue train`")
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as content:
                info = TissueModelInfo.model_validate(json.loads(str(content["info"])))
                arrays = [content[name].astype(np.float32) for name in (_CENTRE, _SCALE, _COEFFICIENTS)]
        except (ValueError, KeyError, OSError, EOFError, AttributeError, zipfile.BadZipFile, ValidationError) as error:
            raise DataError(
                f"{path} is not a tissue model ({one_line(error)}); make one with `sentinode tissue train`"
            ) from error
        count = len(FEATURES)
        shapes = [(count,), (count,), (1 + count + count * (count + 1) // 2,)]
        fits = info.features == FEATURES and [array.shape for array in arrays] == shapes
        if not fits or not all(np.isfinite(array).all() for array in arrays):
            raise DataError(f"{path} is a tissue model of other features; make it anew with `sentinode tissue train`")
        return cls(info, *arrays)
