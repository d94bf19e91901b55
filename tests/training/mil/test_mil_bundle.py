"""From slides with a label to a slide bundle that is calibrated, and from it to the next fit."""

import numpy as np
import pytest
from pydantic import ValidationError

from helpers.planted_bags import planted_bags
from sentinode.core.errors import DataError, EvaluationError, RecipeError
from sentinode.core.metric import Metric
from sentinode.models.bundle_info import Headline
from sentinode.models.feature_space import FeatureSpace
from sentinode.models.mil.bag import Bag, BagFacts
from sentinode.models.mil.slide_bundle import SlideBundle, open_slide_bundle
from sentinode.models.mil.slide_engine import open_slide_engine
from sentinode.studies.bundle_check import show_bundle
from sentinode.training.mil.mil_bundle import SlideModelFacts, bundle_aggregator
from sentinode.training.mil.mil_config import MilConfig
from sentinode.training.mil.mil_fit import FittedAggregator, fit_aggregator
from sentinode.training.mil.mil_start import start_of
from sentinode.training.mil.slide_calibration import CalibratedSlides, calibrate_slides

_CONFIG = MilConfig(hidden=16, attention_size=8, epochs=6)
_SPACE = FeatureSpace("network", "drawn", 96, "0" * 64)
_SIZE = 24

Made = tuple[FittedAggregator, CalibratedSlides, SlideBundle]


def _bag(size: int = _SIZE, space: FeatureSpace = _SPACE) -> Bag:
    return Bag(BagFacts(name="a", space=space), np.ones((2, size), np.float16), np.zeros((2, 2), np.int64))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    bags, targets, _ = planted_bags(40, seed=1, tiles=60)
    others, truths, _ = planted_bags(40, seed=2, tiles=60)
    fitted = fit_aggregator(_CONFIG, bags, targets, [bag.name for bag in bags], classes=2, seed=3, threads=1)
    logits = np.stack([fitted.logits(bag) for bag in others])
    patients = [bag.name for bag in others]
    calibrated = calibrate_slides(logits, truths, patients, "sensitivity>=0.9", split="cross-validation")
    measured = Metric(value=0.9, low=0.8, high=0.95, n=40, method="of folds")
    facts = SlideModelFacts(
        name="planted",
        classes=("normal", "tumour"),
        label_rule="isolated tumour cells are positive",
        features=_SPACE,
        grid=None,
        data_sha256="d" * 64,
        split_sha256="e" * 64,
        trained_on="40 drawn slides",
        metrics=Headline(split="cross-validation", n=40, figures={"auc": measured}),
        limits=("Drawn slides only.",),
    )
    folder = tmp_path_factory.mktemp("made") / "bundle"
    bundle_aggregator(folder, _CONFIG, fitted.aggregator, calibrated, facts, seed=3, tiles=None)
    return fitted, calibrated, open_slide_bundle(folder)


def test_the_bundle_answers_as_the_fit_and_its_calibration_do(made: Made) -> None:
    fitted, calibrated, bundle = made
    bag = planted_bags(2, seed=5, tiles=60)[0][1]
    look, answer = fitted.look(bag), open_slide_engine(bundle, threads=1).look(bag)
    np.testing.assert_allclose(answer.logits, look.logits, atol=1e-5)
    np.testing.assert_allclose(answer.attention, look.attention, atol=1e-6)
    np.testing.assert_allclose(answer.probabilities, calibrated.scaling.probabilities(look.logits[None])[0], atol=1e-5)


def test_the_card_says_how_it_was_measured(made: Made) -> None:
    card = show_bundle(made[2].folder).summary()
    assert "On cross-validation, 40 slides." in card
    assert "| auc | 0.900 | 0.800 – 0.950 | of folds |" in card
    assert "(rule `sensitivity>=0.9`, chosen on cross-validation)" in card
    assert "Attention says which tiles the answer rests on, not that a tile holds tumour." in card
    assert "- Drawn slides only." in card
    assert made[2].info.provenance.recipe["mil"]["method"] == "abmil"


def test_a_calibration_is_of_slides_of_both_classes() -> None:
    logits, patients = np.arange(6.0)[:, None], [str(row) for row in range(6)]
    with pytest.raises(EvaluationError, match="6 of 6 samples above class 0"):
        calibrate_slides(logits, np.ones(6, np.int64), patients, "youden", split="validation")
    calibrated = calibrate_slides(logits, np.array([0, 0, 1, 0, 1, 1]), patients, "youden", split="validation")
    assert 0 < calibrated.threshold.value < 1
    assert calibrated.threshold.split == "validation"


def test_a_fit_starts_from_a_bundle(made: Made) -> None:
    fitted, _, bundle = made
    config = _CONFIG.model_copy(update={"start": f"bundle:{bundle.folder}", "dropout": 0.0})
    bags, targets, _ = planted_bags(8, seed=4, tiles=60)
    again = fit_aggregator(
        config.model_copy(update={"epochs": 1, "learning_rate": 1e-9}),
        bags,
        targets,
        [bag.name for bag in bags],
        classes=2,
        seed=0,
        threads=1,
    )
    np.testing.assert_allclose(again.logits(bags[0]), fitted.logits(bags[0]), atol=1e-5)
    assert again.aggregator.config.dropout == 0
    assert start_of(_CONFIG, [_bag()], 2) is None
    assert start_of(config, [_bag()], 2) is not None
    assert start_of(config.model_copy(update={"method": "max"}), [_bag()], 2) is None


def test_a_start_that_does_not_fit_is_refused(made: Made) -> None:
    config = _CONFIG.model_copy(update={"start": f"bundle:{made[2].folder}"})
    with pytest.raises(RecipeError, match=r"was made with mil.hidden = 16; set the same"):
        start_of(config.model_copy(update={"hidden": 32}), [_bag()], 2)
    with pytest.raises(RecipeError, match="tells 2 classes apart, the labels have 4"):
        start_of(config, [_bag()], 4)
    with pytest.raises(DataError, match=r"mil.start = 'bundle:.*': bag a has 3 features of drawn"):
        start_of(config, [_bag(size=3)], 2)
    with pytest.raises(DataError, match="features of another"):
        start_of(config, [_bag(space=FeatureSpace("network", "another", 96, "1" * 64))], 2)
    with pytest.raises(ValidationError, match='not of the form "bundle:FOLDER"'):
        MilConfig(start="folder")
