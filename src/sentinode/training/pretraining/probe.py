"""What a run is watched by: one number on images that are held out, with their labels or without."""

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize
from torch import Tensor

from sentinode.core.errors import RecipeError
from sentinode.core.messages import plural
from sentinode.metrics.measures.ranking import Ranking
from sentinode.training.pretraining.pretrain_recipe import ProbeConfig

LABELLED = ("logistic", "neighbours")
WORDS = {
    "logistic": "AUC of logistic regression on the embeddings, cross-validated",
    "neighbours": "AUC of the 20 nearest neighbours",
    "found-again": "share of images that are found again by another view, without labels",
}
_FOLDS = 5
_NEIGHBOURS = 20
_REGULARISATION = 0.01


def chosen_kind(config: ProbeConfig, labels: NDArray[np.int64] | None) -> str:
    """The probe that is used.

    Raises:
        RecipeError: It needs labels, and there are none, or too few of a class.
    """
    if config.kind == "auto":
        return "logistic" if labels is not None and _fewest(labels) >= 2 else "found-again"
    if config.kind in LABELLED and (labels is None or _fewest(labels) < 2):
        fewest = "no labels" if labels is None else f"{plural(_fewest(labels), 'image')} of a class"
        raise RecipeError(
            f'probe.kind = "{config.kind}" needs labels of two classes, and the images held out have {fewest}; set '
            'probe.kind = "found-again"'
        )
    return config.kind


def labelled_probe(kind: str, embedding: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """AUC of what a simple classifier says of images that it was not fitted to; of several classes the mean.

    Args:
        kind: `logistic` or `neighbours`.
        embedding: (N, D).
        labels: (N,).
    """
    folds = StratifiedKFold(min(_FOLDS, _fewest(labels)), shuffle=True, random_state=0)
    if kind == "logistic":
        model = make_pipeline(StandardScaler(), LogisticRegression(C=_REGULARISATION, max_iter=500))
    else:
        embedding = normalize(embedding)
        model = KNeighborsClassifier(min(_NEIGHBOURS, len(labels) // 2), weights="distance")
    found = cross_val_predict(model, embedding.astype(np.float64), labels, cv=folds, method="predict_proba")
    present = np.unique(labels)
    columns = range(1, 2) if len(present) == 2 else range(len(present))
    return float(np.mean([Ranking(labels == present[place], found[:, place]).auc() for place in columns]))


def found_again(first: Tensor, second: Tensor) -> float:
    """Share of images of which the second view is nearest, by cosine, to the first one of the same image.

    Args:
        first: (N, D) embeddings of one view of each.
        second: (N, D) of another.

    Examples:
        >>> found_again(torch.eye(3), torch.eye(3))
        1.0
    """
    unit = [torch.nn.functional.normalize(view.float(), dim=1) for view in (first, second)]
    nearest = (unit[1] @ unit[0].T).argmax(dim=1)
    return float((nearest == torch.arange(len(first))).double().mean())


def _fewest(labels: NDArray[np.int64]) -> int:
    counts = np.unique(labels, return_counts=True)[1]
    return int(counts.min()) if len(counts) > 1 else 0
