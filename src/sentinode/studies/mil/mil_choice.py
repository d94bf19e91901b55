"""The choice, frozen before the test slides are looked at: method, calibration and threshold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sentinode.models.mil.aggregator_config import Method
from sentinode.studies.mil.mil_answers import MethodAnswers, losses_of
from sentinode.studies.mil.mil_slides import MilSlides, labels_of, patients_of
from sentinode.training.mil.mil_config import MilConfig
from sentinode.training.mil.slide_calibration import CalibratedSlides, calibrate_slides

_FLAT = 0.01
"""Scale of a calibration from which on logits say next to nothing: two that differ by 10 differ in odds by a tenth."""

CRITERION = "log loss of the out-of-fold probabilities"


@dataclass(frozen=True)
class FrozenMethod:
    """What one method goes into the test with."""

    config: MilConfig
    loss: float
    """Out-of-fold log loss."""
    calibrated: CalibratedSlides
    """Probabilities and threshold."""


@dataclass(frozen=True)
class Choice:
    """Every method, ready for the test, and the one that is chosen."""

    method: Method
    """Of the least out-of-fold log loss."""
    frozen: dict[Method, FrozenMethod]

    @property
    def chosen(self) -> FrozenMethod:
        """The chosen method."""
        return self.frozen[self.method]

    def notes(self) -> list[str]:
        """What to know of the chosen method before anything is called by it, in sentences; most often nothing."""
        calibrated, found = self.chosen.calibrated, []
        if calibrated.scaling.scale < _FLAT:
            found.append(
                f"On slides left out, answers of {self.method} tell the classes no better apart than chance: "
                "calibrated, every probability is nearly the share of tumour slides. Don't use this model."
            )
        rates = (("specificity", "tumour"), ("sensitivity", "normal"))
        for rate, called in rates:
            metric = getattr(calibrated.threshold, rate)
            if metric is not None and metric.value == 0:
                found.append(
                    f"At its threshold ({calibrated.threshold.rule}) {self.method} calls every slide that was left out "
                    f"{called}: its {rate} is 0."
                )
        return found

    def to_json(self) -> dict[str, Any]:
        """The content of `choice.json`."""
        methods = {
            method: {
                "log_loss": one.loss,
                "scale": one.calibrated.scaling.scale,
                "shift": list(one.calibrated.scaling.shift),
                "threshold": one.calibrated.threshold.to_json(),
                "config": one.config.model_dump(mode="json"),
            }
            for method, one in self.frozen.items()
        }
        return {"method": self.method, "by": CRITERION, "methods": methods}


def freeze(
    answers: Mapping[Method, MethodAnswers], configs: Mapping[Method, MilConfig], slides: MilSlides, rule: str
) -> Choice:
    """Choose by what was answered out of fold, on the training slides alone.

    Calibration and threshold of each method come from its out-of-fold answers of the first repeat, in which each slide
    was answered for by one model, as it will be by the final one.

    Raises:
        EvaluationError: The threshold's rule can't be met.
    """
    labels = labels_of(slides.train)
    losses = losses_of(answers, labels)
    frozen = {}
    for method, found in answers.items():
        calibrated = calibrate_slides(found.logits, labels, patients_of(slides.train), rule, split="out-of-fold")
        frozen[method] = FrozenMethod(configs[method], losses[method], calibrated)
    return Choice(min(losses, key=lambda method: losses[method]), frozen)
