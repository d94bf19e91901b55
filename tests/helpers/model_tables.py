"""A table of models, of which some are baselines."""

import dataclasses

import numpy as np

from sentinode.metrics.model_table import Candidate, Cost
from sentinode.metrics.predictions import Predictions

RESAMPLES = 40


def noisier(predictions: Predictions, noise: float, seed: int) -> Predictions:
    p = predictions.probabilities + noise * np.random.default_rng(seed).uniform(0, 1, predictions.probabilities.shape)
    return dataclasses.replace(predictions, probabilities=p / p.sum(axis=1, keepdims=True))


def make_candidates(predictions: Predictions) -> list[Candidate]:
    return [
        Candidate("poor", "baseline", "1 value", noisier(predictions, 20, 1), 0.70, Cost(0.2, 0.01)),
        # Better here than the one that is better on validation: the choice must not look at these images.
        Candidate("lucky", "baseline", "2 values", noisier(predictions, 1, 2), 0.80, Cost(71.0, 0.3)),
        Candidate("chosen", "baseline", "3 values", noisier(predictions, 4, 3), 0.90, Cost(4000.0, 12.0)),
        Candidate("<b>mine</b>", "bundle", "a network", predictions, None, Cost(None, 3.0)),
    ]
