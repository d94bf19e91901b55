"""A classical model on frozen features as a bundle that takes images: backbone and classifier in one graph."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from sentinode.core.errors import BundleError, DataError, EvaluationError
from sentinode.core.files import sha256_of_json
from sentinode.core.messages import plural
from sentinode.data.dataset import Dataset
from sentinode.metrics.decisions.rules import parse_rule
from sentinode.metrics.measures.calibration import fit_temperature
from sentinode.metrics.predictions import Predictions
from sentinode.models.bundle import Bundle
from sentinode.models.bundle_info import BundleInfo, Classes, Headline, Input, Provenance
from sentinode.models.bundle_writer import library_versions, time_of_making, write_bundle
from sentinode.models.extractor import Extractor
from sentinode.training.bundle_contents import REFERENCE_TILES, example_tiles, reference
from sentinode.training.calibration_fit import Calibration, calibrate_on, pseudo_slides
from sentinode.training.classical.classifier_config import ClassicalModel
from sentinode.training.classical.grid_search import TunedModel
from sentinode.training.classical.head_conversion import head_of
from sentinode.training.features.feature_table import FeatureTable
from sentinode.training.training_config import EvaluationConfig

OUT_OF_FOLD = "out-of-fold predictions"
"""What chose threshold and low-confidence band: answers of inner folds to images that they had not learned from."""

_NAMES: dict[ClassicalModel, str] = {
    "logistic": "logistic regression",
    "linear-svm": "linear support vector machine",
    "rbf-svm": "support vector machine with an RBF kernel",
    "forest": "random forest",
    "boosting": "histogram gradient boosting",
    "neighbours": "nearest neighbours",
}


def calibrate_out_of_fold(
    tuned: TunedModel, table: FeatureTable, data: Dataset, config: EvaluationConfig, seed: int
) -> Calibration:
    """Temperature, threshold and low-confidence band from what the inner folds answered.

    Where so many scores are equal that no stretch of them is as small as the flagged share, as a few neighbours give
    them, the band takes the fewest images that it can.

    Args:
        tuned: Fitted on `table`.
        table: Its images, for classes and groups.
        data: The same images, for stains where no groups are known.
        config: The threshold's rule and the flagged share.
        seed: Of the clustering that stands for slides then.

    Raises:
        EvaluationError: There were no inner folds, or the rule can't be met.
    """
    if not len(tuned.inner_logits):
        raise EvaluationError("a bundle's threshold comes from inner folds, and the model was fitted without any")
    temperature = fit_temperature(tuned.inner_logits, tuned.inner_labels)
    predictions = _predictions(tuned, table, temperature)
    groups = predictions.groups
    if groups is None and predictions.binary and parse_rule(config.threshold).confidence is not None:
        groups = pseudo_slides(data, _rows(data, table)[tuned.inner_index], seed)
    return calibrate_on(predictions, temperature, groups, config, split=OUT_OF_FOLD, widened=True)


def write_classical_bundle(
    folder: Path,
    extractor: Extractor,
    tuned: TunedModel,
    calibration: Calibration,
    table: FeatureTable,
    data: Dataset,
    *,
    name: str,
    description: str,
    recipe: dict[str, Any],
    metrics: Headline | None,
    limits: Sequence[str] = (),
) -> Bundle:
    """Put a fitted classical model on the network that its features come from, and write both as one bundle.

    Args:
        folder: Where to; a bundle that is there is replaced.
        extractor: The network.
        tuned: The classical model, fitted on all of `table`.
        calibration: From `calibrate_out_of_fold`.
        table: The features of the images that it learned from.
        data: These images, perhaps among others.
        name: The bundle's.
        description: The bundle's.
        recipe: All that it was made by, resolved; by its tables `data` and `evaluation` it is measured again.
        metrics: The cross-validated figures.
        limits: What to know before relying on it, in sentences.

    Raises:
        DataError: The features are those of a descriptor or of another network.
        BundleError: The network is an ensemble, or the graph answers differently than the model.
        RecipeError: A parameter that a bundle can't follow.
        StorageError: The disk is full or the folder can't be written.
    """
    _check_space(extractor, table)
    head = head_of(tuned.pipeline, _describe(tuned))
    stain = extractor.bundle.info.input.stain if extractor.bundle else None
    if stain and table.space.pooling:
        raise BundleError(
            f"bundle {extractor.space.name} normalises the stain of each tile, and one that pools tiles sees "
            "whole images; leave out data.tile_size, or use a bundle without normalisation"
        )
    deployed = extractor.deployed()
    deployed.pooling = table.space.pooling
    if not deployed.network.head_name:
        raise BundleError(f"{extractor.space.name} is an ensemble, which has no single head; use one of its members")
    deployed.network.set_submodule(deployed.network.head_name, head)
    deployed.temperature.fill_(calibration.temperature)
    size = deployed.preprocessing
    info = BundleInfo(
        name=name,
        description=description,
        classes=Classes(names=table.class_names, positive=table.positive, aliases=recipe["data"].get("rename") or {}),
        input=Input(
            tile_size=size.tile_size,
            pooling=table.space.pooling,
            mpp=data.mpp,
            input_size=size.input_size,
            mean=size.mean,
            std=size.std,
            stain=stain,
        ),
        model=extractor.model,
        head=head.spec,
        embedding_size=table.values.shape[1],
        precision=extractor.model.storage,
        temperature=calibration.temperature,
        threshold=calibration.threshold,
        low_confidence=calibration.band,
        provenance=_provenance(extractor, table, data, recipe),
        metrics=metrics,
        limits=(*limits, *_limits(tuned, metrics)),
    )
    return write_bundle(
        folder,
        info,
        deployed,
        example_tiles=_example(size.tile_size, pooled=bool(table.space.pooling)),
        reference=_reference(tuned, calibration, table, data, recipe.get("seed", 0)),
        seen={"train": _seen(extractor, table, data)},
    )


def _check_space(extractor: Extractor, table: FeatureTable) -> None:
    if table.space.kind != "network":
        raise DataError(
            f"features of kind {table.space.kind!r} can't be computed inside a bundle's graph; for a bundle that takes "
            'images use features.kind = "network"'
        )
    expected = extractor.space.pooled(table.space.pooling) if table.space.pooling else extractor.space
    if table.space != expected:
        raise DataError(
            f"the features are those of {table.space.name} at {table.space.tile_size} px ({table.space.sha256[:8]}), "
            f"the network is {expected.name} at {expected.tile_size} px ({expected.sha256[:8]}); "
            "compute the features again"
        )


def _predictions(tuned: TunedModel, table: FeatureTable, temperature: float) -> Predictions:
    names, index = table.class_names, tuned.inner_index
    return Predictions(
        ids=[str(number) for number in range(len(index))],  # an image that is in two folds is there twice
        paths=[table.paths[place] for place in index],
        labels=tuned.inner_labels,
        probabilities=softmax(tuned.inner_logits / temperature, axis=1),
        class_names=names,
        positive=names.index(table.positive) if table.positive is not None else None,
        groups=None if table.groups is None else [table.groups[place] for place in index],
    )


def _lines(data: Dataset, table: FeatureTable) -> Any:
    """The manifest's lines of the table's images, in the table's order."""
    return data.manifest.table.set_index("id").loc[table.ids]


def _rows(data: Dataset, table: FeatureTable) -> NDArray[np.int64]:
    return np.asarray(_lines(data, table)["row"], dtype=np.int64)


def _seen(extractor: Extractor, table: FeatureTable, data: Dataset) -> NDArray[np.uint64]:
    """Sorted hashes of the images that the classifier or the network has learned from."""
    own = np.array([int(text, 16) for text in _lines(data, table)["pixels"]], dtype=np.uint64)
    before = extractor.bundle.seen().values() if extractor.bundle else ()
    return np.unique(np.concatenate([own, *before]))


def _reference(
    tuned: TunedModel, calibration: Calibration, table: FeatureTable, data: Dataset, seed: int
) -> dict[str, NDArray[Any]]:
    chosen = np.sort(np.random.default_rng(seed).permutation(len(table))[:REFERENCE_TILES])
    probabilities = softmax(tuned.logits(table.values[chosen]) / calibration.temperature, axis=1)
    # Of an image of several tiles one in its middle stands for its stain.
    tiles = data.tiles[data.pack.central(_rows(data, table)[chosen])]
    return reference(tiles, probabilities.astype(np.float32), table.values[chosen])


def _example(side: int, *, pooled: bool) -> NDArray[np.uint8]:
    """Tiles, or images that take several tiles and are not square, for an engine to prove itself on."""
    tiles = example_tiles(side)
    if not pooled:
        return tiles
    high = np.concatenate([tiles, tiles[::-1]], axis=1)  # (n, 2 · side, side, 3)
    return np.ascontiguousarray(np.concatenate([high, high[::-1, :, : side // 2]], axis=2))


def _describe(tuned: TunedModel) -> str:
    settings = {**tuned.config.parameters, **tuned.parameters}
    listed = ", ".join(f"{name} = {value}" for name, value in sorted(settings.items()))
    return f"{_NAMES[tuned.config.model]} ({listed})" if listed else _NAMES[tuned.config.model]


def _provenance(extractor: Extractor, table: FeatureTable, data: Dataset, recipe: dict[str, Any]) -> Provenance:
    learned = _lines(data, table)["pixels"]
    origin = extractor.bundle.info.provenance if extractor.bundle else None
    trained_on = (
        f"{plural(len(table), 'image')} of {recipe['data']['source']}, on the frozen features of {table.space.name}; "
        "threshold, temperature and low-confidence band come from inner folds of the same images."
    )
    if origin is not None and origin.trained_on:
        trained_on += f" The network learned from {origin.trained_on}"
    return Provenance(
        recipe=recipe,
        recipe_sha256=sha256_of_json(recipe),
        data_sha256=table.data_sha256,
        split_sha256=sha256_of_json(sorted(zip(table.ids, learned, strict=True))),
        libraries=library_versions(),
        created=time_of_making(),
        trained_on=trained_on,
        licences=origin.licences if origin else "",
    )


def _limits(tuned: TunedModel, metrics: Headline | None) -> list[str]:
    found = []
    if metrics is not None:
        found.append(
            "The figures are cross-validated: of models fitted in the same way to parts of these images. This one was "
            "fitted to all of them, and no image is left to measure it on."
        )
    if tuned.config.model in ("neighbours", "rbf-svm"):
        found.append("It keeps features of the training images themselves, by which one of them can be recognised.")
    return found
