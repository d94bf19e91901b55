"""Whether a frozen network has learned from the images at hand."""

from sentinode.core.errors import LeakError
from sentinode.data.dataset import Dataset
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.pretrained_bundle import PretrainedBundle, open_weights
from sentinode.studies.seen_images import seen_images
from sentinode.training.features.feature_config import FeaturesConfig


def origin_of(features: FeaturesConfig) -> Bundle | PretrainedBundle | None:
    """The bundle whose weights give the features, by its name or as the weights of an architecture; None without one.

    Raises:
        BundleError: There is no such bundle.
    """
    if features.bundle:
        return open_bundle(features.bundle)
    return None if features.model is None else origin_of_weights(features.model.weights)


def origin_of_weights(weights: str) -> Bundle | PretrainedBundle | None:
    """The bundle that weights of a recipe come from; None where they come from elsewhere.

    Raises:
        BundleError: There is no such bundle.
    """
    return open_weights(weights)


def check_new_to(bundle: Bundle | PretrainedBundle | None, data: Dataset, remedy: str) -> None:
    """Refuse a backbone that has learned from images of the data set, of any split, or chose its epoch on them.

    Features of images that a network was trained on are better than those of new ones: fitted on them, a classifier
    learns to trust what new images do not have, and figures on them flatter it.

    Raises:
        LeakError: It has.
    """
    if bundle is not None and len(known := seen_images(bundle, data, data.manifest.table)):
        raise LeakError(
            f"{bundle.name} has {known}, so what it makes of them is not what it gives for new ones; {remedy}"
        )
