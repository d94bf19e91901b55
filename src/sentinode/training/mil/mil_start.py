"""The aggregator that a fit begins with, where `mil.start` names a slide bundle."""

from collections.abc import Sequence

from sentinode.core.errors import DataError, RecipeError
from sentinode.core.messages import plural
from sentinode.models.mil.aggregators.aggregator import Aggregator
from sentinode.models.mil.bag import Bag
from sentinode.models.mil.bag_view import BagView
from sentinode.models.mil.slide_bundle import SlideBundle, open_slide_bundle
from sentinode.models.mil.slide_graphs import load_aggregator
from sentinode.models.model_config import BUNDLE_PREFIX
from sentinode.training.mil.mil_config import MilConfig

# How much is dropped while training is the recipe's own affair.
_SHAPES = ("hidden", "attention_size", "k")


def start_of(config: MilConfig, bags: Sequence[BagView], classes: int) -> Aggregator | None:
    """The aggregator of `mil.start`; None where it names none, or one of another method, which begins at random.

    Raises:
        BundleError: There is no such slide bundle, or it was changed.
        RecipeError: Its sizes or classes are not those of the fit.
        DataError: The bags are of other features than its own.
    """
    if not config.start:
        return None
    bundle = open_slide_bundle(config.start.removeprefix(BUNDLE_PREFIX))
    if bundle.info.aggregator.method != config.method:
        return None
    _check(bundle, config, classes)
    for bag in bags:
        try:
            # Features alone have no origin that could be checked; their length is, by the fit.
            if isinstance(bag, Bag):
                bundle.check_bag(bag)
        except DataError as error:
            raise DataError(f"mil.start = {config.start!r}: {error}") from error
    return load_aggregator(bundle)


def sha256_of_start(config: MilConfig) -> str:
    """The hash of the slide bundle that `mil.start` names; empty where it names none.

    Raises:
        BundleError: There is no such slide bundle, or it was changed.
    """
    return open_slide_bundle(config.start.removeprefix(BUNDLE_PREFIX)).sha256 if config.start else ""


def _check(bundle: SlideBundle, config: MilConfig, classes: int) -> None:
    own = bundle.info.aggregator
    if others := [key for key in _SHAPES if getattr(own, key) != getattr(config, key)]:
        said = ", ".join(f"mil.{key} = {getattr(own, key)!r}" for key in others)
        raise RecipeError(f"mil.start = {config.start!r} was made with {said}; set the same, or start from nothing")
    if len(bundle.info.classes) != classes:
        raise RecipeError(
            f"mil.start = {config.start!r} tells {plural(len(bundle.info.classes), 'class')} apart, the labels have "
            f"{classes}; start from a bundle of as many, or from nothing"
        )
