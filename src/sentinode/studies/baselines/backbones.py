"""Whether a frozen network has learned from the images at hand."""

from sentinode.core.errors import LeakError
from sentinode.data.manifest import Manifest
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.model_config import BUNDLE_PREFIX
from sentinode.training.features.feature_config import FeaturesConfig


def origin_of(features: FeaturesConfig) -> Bundle | None:
    """The bundle whose weights give the features, by its name or as the weights of an architecture; None without one.

    Raises:
        BundleError: There is no such bundle.
    """
    if features.bundle:
        return open_bundle(features.bundle)
    return None if features.model is None else origin_of_weights(features.model.weights)


def origin_of_weights(weights: str) -> Bundle | None:
    """The bundle that weights of a recipe come from; None where they come from elsewhere.

    Raises:
        BundleError: There is no such bundle.
    """
    return open_bundle(weights.removeprefix(BUNDLE_PREFIX)) if weights.startswith(BUNDLE_PREFIX) else None


def learned_from(bundle: Bundle, manifest: Manifest) -> int:
    """How many of a data set's images, of any split, a bundle has learned from."""
    return int(manifest.table["pixels"].isin(bundle.seen_pixels()).sum())


def check_new_to(bundle: Bundle | None, manifest: Manifest, remedy: str) -> None:
    """Refuse a backbone that has learned from images of the data set, of any split.

    Features of images that a network was trained on are better than those of new ones: fitted on them, a classifier
    learns to trust what new images do not have, and figures on them flatter it.

    Raises:
        LeakError: It has.
    """
    known = 0 if bundle is None else learned_from(bundle, manifest)
    if bundle is not None and known:
        raise LeakError(
            f"{bundle.name} has learned from {known:,} of the {len(manifest.table):,} images, so what it makes of them "
            f"is not what it gives for new ones; {remedy}"
        )
