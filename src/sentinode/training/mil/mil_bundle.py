"""From a fitted aggregator to a slide bundle."""

from dataclasses import dataclass
from pathlib import Path

from sentinode.core.files import sha256_of_json
from sentinode.models.bundle import Bundle
from sentinode.models.bundle_info import Headline, Provenance
from sentinode.models.bundle_writer import library_versions, time_of_making
from sentinode.models.feature_space import FeatureSpace
from sentinode.models.mil.aggregators.aggregator import Aggregator
from sentinode.models.mil.bag import BagGrid
from sentinode.models.mil.slide_bundle import SlideBundle
from sentinode.models.mil.slide_bundle_info import SlideBundleInfo, SlideCalibration
from sentinode.models.mil.slide_bundle_writer import write_slide_bundle
from sentinode.training.mil.mil_config import MilConfig
from sentinode.training.mil.slide_calibration import CalibratedSlides


@dataclass(frozen=True)
class SlideModelFacts:
    """What is known of a slide model beside its weights."""

    name: str
    classes: tuple[str, ...]
    """The first is that nothing is found."""
    label_rule: str
    """What counts as found, in words."""
    features: FeatureSpace
    grid: BagGrid | None
    data_sha256: str
    """Over the slides and their labels."""
    split_sha256: str
    """Over the folds."""
    trained_on: str
    """In words, with licence."""
    metrics: Headline | None
    """Cross-validated figures, or those of the test that was seen once."""
    licences: str = ""
    limits: tuple[str, ...] = ()
    description: str = ""


def bundle_aggregator(
    folder: Path,
    config: MilConfig,
    aggregator: Aggregator,
    calibrated: CalibratedSlides,
    facts: SlideModelFacts,
    *,
    seed: int,
    tiles: Bundle | None,
) -> SlideBundle:
    """Write a fitted aggregator as a slide bundle.

    Args:
        folder: Where to; what is there is replaced.
        config: By which it was fitted.
        aggregator: Of `fit_aggregator`.
        calibrated: Of `calibrate_slides`.
        facts: All else that is known.
        seed: Of the fit.
        tiles: The bundle that the features are of; None where they are of no bundle.

    Raises:
        BundleError: The exported graphs answer differently than the aggregator.
        StorageError: The disk is full or the folder can't be written.
    """
    recipe = {"mil": config.model_dump(mode="json"), "seed": seed}
    scaling = calibrated.scaling
    info = SlideBundleInfo(
        name=facts.name,
        description=facts.description,
        classes=facts.classes,
        label_rule=facts.label_rule,
        aggregator=config.aggregator,
        features=facts.features,
        feature_size=aggregator.dim,
        grid=facts.grid,
        calibration=SlideCalibration(scale=scaling.scale, shift=scaling.shift),
        threshold=calibrated.threshold,
        provenance=Provenance(
            recipe=recipe,
            recipe_sha256=sha256_of_json(recipe),
            data_sha256=facts.data_sha256,
            split_sha256=facts.split_sha256,
            libraries=library_versions(),
            created=time_of_making(),
            trained_on=facts.trained_on,
            started_from=config.start,
            licences=facts.licences,
        ),
        metrics=facts.metrics,
        limits=facts.limits,
    )
    return write_slide_bundle(folder, info, aggregator, tiles=tiles)
