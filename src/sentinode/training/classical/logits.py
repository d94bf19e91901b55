"""One way from any classical classifier to logits, so that calibration and thresholds are the same for all of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.metrics import roc_auc_score
from sklearn.svm import SVC

from sentinode.models.networks.heads import LEAST_PROBABILITY

# A forest averages each class by itself, so that equal votes may differ in their last digits, and ties would be lost.
_DIGITS = 9


def logits_of(classifier: Any, X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logits (N, K) of a fitted classifier; of two classes (0, z).

    Margins where it has them (logistic regression, both SVMs, boosting): those of an RBF SVM for three classes or more
    are the mean over the pairs that a class is in. Otherwise (forest, neighbours) logarithms of the probabilities, of
    which none is taken to be below `LEAST_PROBABILITY`: no vote of so many trees or neighbours is no proof.
    """
    if hasattr(classifier, "decision_function"):
        margins = np.asarray(classifier.decision_function(X), dtype=np.float64)
        if margins.ndim == 1:
            return np.stack([np.zeros_like(margins), margins], axis=1)
        return margins @ pair_means(len(classifier.classes_)) if isinstance(classifier, SVC) else margins
    logs: NDArray[np.float64] = np.log(np.maximum(classifier.predict_proba(X), LEAST_PROBABILITY)).round(_DIGITS)
    return logs - logs[:, :1] if logs.shape[1] == 2 else logs


def pair_means(classes: int) -> NDArray[np.float64]:
    """(P, K): turns the margins of P pairs of classes, in scikit-learn's order, into a class's mean margin."""
    pairs = [(first, second) for first in range(classes) for second in range(first + 1, classes)]
    matrix = np.zeros((len(pairs), classes))
    for row, (first, second) in enumerate(pairs):
        matrix[row, first], matrix[row, second] = 1, -1
    return matrix / (classes - 1)


def auc_of(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The AUC of logits (N, K); NaN where it can't be told, as with one class only.

    Of more than two classes: the mean of each against the rest, as PathMNIST's evaluator has it, over the classes that
    are there. Computed by scikit-learn, whose last digit decides between equally good parameters when its own
    GridSearchCV does.
    """
    present = np.unique(labels)
    if len(present) < 2:
        return float("nan")
    if logits.shape[1] == 2:
        return float(roc_auc_score(labels, logits[:, 1] - logits[:, 0]))
    scores = softmax(logits, axis=1)
    return float(np.mean([roc_auc_score(labels == number, scores[:, number]) for number in present]))
