"""Figures of drawn images with intervals that are as wide as they should be."""

import numpy as np
import pytest

from sentinode.metrics.synthesis.sample_quality import sample_quality


def test_drawn_images_from_elsewhere_are_worse_than_real_ones_by_every_figure() -> None:
    rng = np.random.default_rng(0)
    real, others, far = rng.normal(size=(120, 4)), rng.normal(size=(120, 4)), rng.normal(1.5, 0.6, size=(120, 4))
    floor, drawn = sample_quality(real, others), sample_quality(real, far)
    assert drawn.frechet.low is not None
    assert floor.frechet.high is not None
    assert drawn.frechet.low > floor.frechet.high
    assert drawn.kernel.low is not None
    assert floor.kernel.high is not None
    assert drawn.kernel.low > floor.kernel.high
    assert (drawn.recall.value or 0) < (floor.recall.value or 0)
    for metric in (drawn.frechet, drawn.kernel, drawn.precision, drawn.recall):
        assert metric.low is not None
        assert metric.high is not None
        assert metric.value is not None
        assert metric.low <= metric.high
        assert metric.n == 120


def test_intervals_are_as_wide_as_the_figures_of_other_samples_spread() -> None:
    rng = np.random.default_rng(1)
    drawings = [(rng.normal(size=(100, 4)), rng.normal(0.4, 1, size=(100, 4))) for _ in range(40)]
    found = [sample_quality(*pair) for pair in drawings]
    for name in ("frechet", "kernel", "recall"):
        metrics = [getattr(one, name) for one in found]
        spread = np.std([metric.value for metric in metrics])
        claimed = np.median([(metric.high - metric.low) / (2 * 1.96) for metric in metrics])
        assert 0.6 < claimed / spread < 1.7, name


def test_too_few_images_are_refused() -> None:
    with pytest.raises(ValueError, match="there are 19 and 40; 20 of each are needed"):
        sample_quality(np.zeros((19, 3)), np.zeros((40, 3)))
