"""What colour alone gives: the figure that a model has to beat.

Logistic regression on the mean and the standard deviation of red, green and blue, fitted on train, scored on
validation. It sees no shape. Where it is good, classes differ in stain, scanner or compression, and a model may learn
that instead of tissue (as in NCT-CRC-HE, whose classes differ in JPEG artefacts).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sentinode.core.stain_statistics import STAIN_COLUMNS

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

COLOUR_COLUMNS = STAIN_COLUMNS[:6]
"""The features, mean and standard deviation of red, green and blue: the first columns of `stain_statistics`."""

_RESAMPLES = 1000
_FEW = 20  # below, percentile intervals over groups are known to be too narrow


@dataclass(frozen=True)
class ColourBaseline:
    """Area under the ROC curve of colour alone, with its 95 % interval."""

    auc: float
    """For two classes the usual one; for more, the unweighted mean of one class against the rest."""
    low: float
    high: float
    method: str
    """How the interval was found."""
    n_train: int
    n: int
    """Images that it was scored on."""


def colour_model() -> Pipeline:
    """The baseline's classifier, not yet fitted: logistic regression on scaled features, of which nothing is tuned."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))


def colour_baseline(
    features: NDArray[np.float32], labels: Integers, train: Integers, validation: Integers, groups: Integers | None
) -> ColourBaseline | str:
    """Fit on the images `train`, score on the images `validation`.

    Args:
        features: (N, F) mean and standard deviation of colour.
        labels: (N,) class indices.
        train: Indices of the images to fit on.
        validation: Indices of the images to score on.
        groups: (N,) index of each image's slide or patient, which the interval resamples; None: images are resampled.

    Returns:
        The baseline, or in words why there is none.
    """
    if len(train) == 0 or len(validation) == 0:
        return "one of train and validation is empty"
    classes = np.unique(labels[train])
    if len(classes) < 2:
        return "train has fewer than two classes"
    missing = np.setdiff1d(labels[validation], classes)
    if len(missing) or len(np.unique(labels[validation])) < 2:
        return "validation does not have the classes that train has"
    model = colour_model().fit(features[train], labels[train])
    probabilities = model.predict_proba(features[validation])
    scored = classes[-1:] if len(classes) == 2 else classes  # one against the rest says it all for two classes
    places = [_Places.of(probabilities[:, k - len(scored)], labels[validation] == c) for k, c in enumerate(scored)]
    units, unit_name = _units(groups, validation)
    low, high = _interval(places, units)
    n_units = int(units.max()) + 1
    rough = "; so few of them make it rough" if n_units < _FEW else ""
    method = f"percentile bootstrap over {n_units:,} {unit_name}, {_RESAMPLES:,} resamples{rough}"
    auc = _mean_auc(places, np.ones(len(validation)))
    return ColourBaseline(auc, low, high, method, len(train), len(validation))


@dataclass(frozen=True)
class _Places:
    """Scores as places in their order, ties sharing one: sorted once, then weighed a thousand times."""

    place: Integers
    truth: NDArray[np.bool_]

    @classmethod
    def of(cls, scores: Floats, truth: NDArray[np.bool_]) -> "_Places":
        return cls(np.unique(scores, return_inverse=True)[1], truth)

    def auc(self, weights: Floats) -> float:
        """Weighted share of (positive, negative) pairs in order; a tie counts one half (Mann & Whitney 1947)."""
        n = int(self.place.max()) + 1
        positive = np.bincount(self.place, weights * self.truth, n)
        negative = np.bincount(self.place, weights * ~self.truth, n)
        pairs = positive.sum() * negative.sum()
        return float((positive * (np.cumsum(negative) - negative / 2)).sum() / pairs) if pairs else float("nan")


def _units(groups: Integers | None, validation: Integers) -> tuple[Integers, str]:
    """What the bootstrap draws: groups where there are at least two, else images."""
    if groups is not None:
        units = np.unique(groups[validation], return_inverse=True)[1]
        if units.max() > 0:
            return units, "groups"
    return np.arange(len(validation)), "images"


def _interval(places: list[_Places], units: Integers) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    n = int(units.max()) + 1
    draws = (np.bincount(rng.integers(0, n, n), minlength=n)[units] for _ in range(_RESAMPLES))
    values = np.array([_mean_auc(places, weights.astype(np.float64)) for weights in draws])
    low, high = np.nanquantile(values, (0.025, 0.975))
    return float(low), float(high)


def _mean_auc(places: list[_Places], weights: Floats) -> float:
    """Mean over classes; a class that a resample lacks makes it NaN."""
    return float(np.mean([one.auc(weights) for one in places]))
