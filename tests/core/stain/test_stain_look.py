"""The stain of many images together: their median."""

import numpy as np
import pytest

from helpers.stained_patches import angle_between, stained
from sentinode.core.stain.optical_density import StainError
from sentinode.core.stain.reinhard import ReinhardStatistics
from sentinode.core.stain.stain_look import common_look, image_look, middle_look
from sentinode.core.stain.stain_vectors import StainVectors

_BLANK = np.full((96, 96, 3), 244, np.uint8)


def test_a_few_odd_tiles_do_not_move_a_slide() -> None:
    usual = [stained(seed) for seed in range(7)]
    odd = [stained(20, (0.75, 0.6, 0.28), (0.05, 0.99, 0.1), amounts=(2.5, 2.5)), _BLANK]
    clean, found = common_look("macenko", usual), common_look("macenko", [*usual, *odd])
    assert isinstance(clean, StainVectors)
    assert isinstance(found, StainVectors)
    assert angle_between(found, clean) < 1


def test_a_slide_that_hardly_has_tissue_is_refused_with_its_commonest_reason() -> None:
    with pytest.raises(StainError, match="too little tissue"):
        common_look("macenko", [stained(1), *[_BLANK] * 4])
    assert common_look("macenko", [stained(1), *[_BLANK] * 3]) == middle_look([image_look("macenko", stained(1))])


def test_no_tiles_have_no_stain() -> None:
    with pytest.raises(StainError):
        common_look("vahadane", [])


def test_the_middle_of_statistics_is_their_median() -> None:
    looks = [ReinhardStatistics((50 + n, 20, -15), (10, 5 + n, 5)) for n in (0, 1, 9)]
    assert middle_look(looks) == ReinhardStatistics((51, 20, -15), (10, 6, 5))
