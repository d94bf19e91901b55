"""Training a learned tissue mask from a user's own masks, and its Dice on slides that it did not see."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import DataError
from sentinode.core.extras import require
from sentinode.core.progress import Progress
from sentinode.slides.tissue.pixel_features import pixel_features, with_products
from sentinode.slides.tissue.tissue_mask import TissueConfig, mask_of
from sentinode.slides.tissue.tissue_model import TissueModel, TissueModelInfo

_PIXELS = 60_000
"""Pixels that a model is fitted to, over all slides: some seconds of fitting for 91 coefficients."""
_FOLDS = 5
_PENALTY = 1.0


@dataclass(frozen=True, eq=False)
class TissueExample:
    """A slide's overview with the tissue that a person marked."""

    name: str
    overview: NDArray[np.uint8]
    """(h, w, 3), RGB."""
    truth: NDArray[np.bool_]
    """(h, w) True for tissue."""
    warnings: tuple[str, ...] = ()
    """What was mended in the annotation."""


@dataclass(frozen=True)
class TissueTraining:
    """What came of a training."""

    model: TissueModel
    rules_dice: dict[str, float | None]
    """Dice of the mask by rules on the same slides: what the model has to beat."""


def dice(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float | None:
    """Twice the common area over the sum of both; None where both are empty."""
    total = int(found.sum()) + int(truth.sum())
    return 2 * int((found & truth).sum()) / total if total else None


def mean_dice(values: Iterable[float | None]) -> float | None:
    """The mean over slides, those without any tissue left out; None where there is no other."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def train_tissue(
    examples: Sequence[TissueExample], config: TissueConfig, *, seed: int = 0, progress: Progress | None = None
) -> TissueTraining:
    """Fit a model to all examples; judge it, by the same fit, on slides left out (up to five folds of slides).

    The Dice is that of the mask after clean-up, as `tissue_mask` gives it. With one slide there is none to leave out,
    and no Dice is given.

    Args:
        examples: One a slide, all overviews at `config.mpp`.
        config: Its µm/px and its clean-up.
        seed: Of the pixels drawn.
        progress: Shows the folds.

    Raises:
        DataError: No example, two of one name, or masks that are all tissue or all not.
        MissingExtraError: scikit-learn is not installed.
    """
    if not examples or len({one.name for one in examples}) < len(examples):
        names = ", ".join(one.name for one in examples) or "none"
        raise DataError(f"slides need masks and names of their own to train from; given: {names}")
    features = [pixel_features(one.overview, config.mpp) for one in examples]
    folds = min(_FOLDS, len(examples)) if len(examples) > 1 else 0
    held_out: dict[str, float | None] = {}
    with (progress or Progress()).bar("training", folds + 1, "fits") as advance:
        for fold in range(folds):
            kept = [n for n in range(len(examples)) if n % folds != fold]
            model = _fit(examples, features, kept, config, seed)
            for one in examples[fold::folds]:
                held_out[one.name] = dice(mask_of(one.overview, config.mpp, config, model).mask, one.truth)
            advance()
        model = _fit(examples, features, range(len(examples)), config, seed)
        advance()
    in_order = {one.name: held_out[one.name] for one in examples if one.name in held_out}
    info = model.info.model_copy(update={"held_out_dice": in_order})
    by_rules = {one.name: dice(mask_of(one.overview, config.mpp, config).mask, one.truth) for one in examples}
    return TissueTraining(TissueModel(info, model.centre, model.scale, model.coefficients), by_rules)


def _fit(
    examples: Sequence[TissueExample],
    features: Sequence[NDArray[np.float32]],
    chosen: Sequence[int],
    config: TissueConfig,
    seed: int,
) -> TissueModel:
    linear_model = require("sklearn.linear_model", extra="evaluate")
    drawn = [
        _draw(features[n], examples[n].truth, _PIXELS // len(chosen), np.random.default_rng([seed, n])) for n in chosen
    ]
    values, truth = (np.concatenate(each) for each in zip(*drawn, strict=True))
    if truth.all() or not truth.any():
        names = ", ".join(examples[n].name for n in chosen)
        raise DataError(f"the masks of {names} are {'all' if truth.any() else 'without'} tissue; add slides with both")
    centre, scale = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-6)
    fitted = linear_model.LogisticRegression(C=_PENALTY, max_iter=1000)
    fitted.fit(with_products((values - centre) / scale), truth)
    coefficients = np.concatenate([fitted.intercept_, fitted.coef_[0]]).astype(np.float32)
    info = TissueModelInfo(
        mpp=config.mpp,
        slides=tuple(examples[n].name for n in chosen),
        pixels=len(truth),
        held_out_dice={},
        sentinode=version("sentinode"),
    )
    return TissueModel(info, centre.astype(np.float32), scale.astype(np.float32), coefficients)


def _draw(
    features: NDArray[np.float32], truth: NDArray[np.bool_], count: int, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Up to `count` pixels of a slide, half of them tissue where it has as many: glass must not outvote it."""
    flat = truth.ravel()
    drawn = []
    for value in (True, False):
        places = np.flatnonzero(flat == value)
        drawn.append(random.choice(places, min(len(places), max(1, count // 2)), replace=False))
    index = np.concatenate(drawn)
    return features.reshape(-1, features.shape[2])[index], flat[index]
