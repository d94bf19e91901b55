"""Learned rules for lesions, made up."""

from pathlib import Path

from helpers.scanner import engine_of
from sentinode.metrics.lesion_probability import FEATURES, LesionProbability
from sentinode.models.bundle import Bundle
from sentinode.scanning.learned_rule import LearnedRule, RuleValidation
from sentinode.scanning.scan_config import ScanConfig
from sentinode.scanning.second_looker import AUTO, looks_of, second_looker
from sentinode.scanning.tiling_config import Machine

COUNT = len(FEATURES)
MACHINE = Machine(threads=1)
CONFIG = ScanConfig(tissue=None, batch=8, engine="openvino")


def write_rule(path: Path, bundle: Bundle, threshold: float) -> Path:
    """A rule that takes the first look's highest score for the probability."""
    coefficients = tuple(float(name == "first_around") for name in FEATURES)
    model = LesionProbability(
        features=FEATURES,
        means=(0.0,) * COUNT,
        scales=(1.0,) * COUNT,
        coefficients=coefficients,
        intercept=0.0,
        threshold=threshold,
    )
    validation = RuleValidation(
        folds=2, slides=2, normal_slides=1, suspects=4, metastases=2, auc=1.0, false_lesions_a_normal_slide=0.0,
        metastases_called=2, brier_of_slides=0.1, brier_of_product=0.1,
    )  # fmt: skip
    engine = engine_of(bundle, CONFIG)
    looks = looks_of(engine, second_looker(AUTO, engine, MACHINE))
    LearnedRule(sentinode="0", looks=looks, model=model, validation=validation, card="made up").save(path)
    return path
