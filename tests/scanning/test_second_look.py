"""The second look on made-up scores: where it looks, how much, and what of it becomes a suspect."""

import numpy as np
import pytest
from numpy.typing import NDArray

from sentinode.metrics.lesion_probability import FEATURES
from sentinode.scanning.candidates import FLOOR, find_candidates
from sentinode.scanning.heatmap import Heatmap
from sentinode.scanning.second_look import WIDER, FineMap, look_again, most_cells
from sentinode.scanning.suspects import find_suspects
from sentinode.slides.mpp import Mpp

CELL_PX, CELL_UM = 200.0, 100.0


def heatmap(values: NDArray[np.float64]) -> Heatmap:
    return Heatmap(values.astype(np.float32), Mpp(CELL_UM, CELL_UM), CELL_PX, CELL_PX)


class Disc:
    """Scores of a round focus: 0.98 where a tile's centre lies in it, else 0.02."""

    def __init__(self, x: float, y: float, radius: float) -> None:
        self.x, self.y, self.radius = x, y, radius
        self.asked: dict[float, int] = {}

    def __call__(self, x: NDArray[np.float64], y: NDArray[np.float64], wider: float) -> NDArray[np.float32]:
        self.asked[wider] = self.asked.get(wider, 0) + len(x)
        inside = np.hypot(x - self.x, y - self.y) <= self.radius
        return np.where(inside, 0.98, 0.02).astype(np.float32)


def background(seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(0.01, 0.08, (12, 16))


def test_candidates_are_local_maxima_the_strongest_first() -> None:
    values = background()
    values[3, 4], values[3, 5], values[9, 10], values[0, 0] = 0.8, 0.7, 0.3, np.nan
    found = find_candidates(heatmap(values))
    assert [(one.row, one.column) for one in found] == [(3, 4), (9, 10)]
    assert [one.score for one in found] == pytest.approx([0.8, 0.3])
    assert find_candidates(heatmap(np.full((3, 3), FLOOR / 2))) == []


def test_a_focus_is_outlined_finer_than_a_cell() -> None:
    values = background()
    values[5, 7] = 0.4  # the grid saw a part of it only
    disc = Disc(7.6 * CELL_PX, 5.5 * CELL_PX, 0.75 * CELL_PX)
    fine = look_again(heatmap(values), 1.0, disc)
    (suspect,) = find_suspects(heatmap(values), fine, 3200, 2400)
    assert suspect.diameter_um == pytest.approx(150, abs=25)  # by whole cells it is 200 or 300
    # A rim thinner than a quarter of a tile may stay in a cell whose wider tiles say nothing.
    assert suspect.outline.centroid.x == pytest.approx(disc.x, abs=CELL_PX / 4)
    assert suspect.outline.centroid.y == pytest.approx(disc.y, abs=CELL_PX / 4)
    assert suspect.area_mm2 == pytest.approx(np.pi * 0.075**2, rel=0.25)
    assert np.hypot(suspect.peak_x - disc.x, suspect.peak_y - disc.y) < disc.radius
    assert len(suspect.features) == len(FEATURES)
    assert np.isfinite(suspect.features).all()


def test_what_is_cold_at_the_wider_look_costs_four_tiles() -> None:
    values = background()
    values[5, 7] = 0.9
    nothing = Disc(-1e6, 0, 1)
    fine = look_again(heatmap(values), 1.0, nothing)
    assert nothing.asked == {WIDER: 4, 1.0: 0}
    (suspect,) = find_suspects(heatmap(values), fine, 3200, 2400)
    assert suspect.score_max == pytest.approx(0.02, abs=1e-3)  # looked at, so listed
    assert suspect.diameter_um <= 100


def test_the_budget_holds_and_a_large_focus_goes_on_by_the_first_look() -> None:
    values = background()
    values[1:11, 2:14] = 0.97
    large = Disc(8 * CELL_PX, 6 * CELL_PX, 1e5)
    fine = look_again(heatmap(values), 1.0, large)
    assert int(fine.looked.sum()) <= most_cells(heatmap(values))
    assert sum(large.asked.values()) <= 20 * most_cells(heatmap(values))
    (suspect,) = find_suspects(heatmap(values), fine, 3200, 2400)
    assert suspect.diameter_um > 1200


def test_unreadable_tiles_are_left_out() -> None:
    values = background()
    values[5, 7] = 0.9
    fine = look_again(heatmap(values), 1.0, lambda x, _y, _wider: np.full(len(x), np.nan, np.float32))
    assert not fine.looked.any()
    assert find_suspects(heatmap(values), fine, 3200, 2400) == []


def test_overlapping_tiles_need_a_coarser_fine_grid() -> None:
    values = background()
    values[5, 7] = 0.9
    assert look_again(heatmap(values), 2.0, Disc(1500, 1100, 300)).parts == 2


def test_a_suspect_is_described_by_what_lies_around_it_and_its_size() -> None:
    values = background()
    near = np.full((48, 64), np.nan, np.float32)
    values[4:8, 4:8] = values[9, 13] = 0.9
    near[16:32, 16:32], near[36:40, 52:56] = 4.0, 4.0
    large, small = find_suspects(heatmap(values), FineMap(near, near.copy(), 4), 3200, 2400)
    of = dict(zip(FEATURES, zip(large.features, small.features, strict=True), strict=True))
    assert of["log_size"] == pytest.approx((np.log(16), 0.0))
    assert of["first_around"][0] > 0 > of["first_around"][1]


def test_no_candidate_no_suspect() -> None:
    cold = heatmap(background())
    fine = look_again(cold, 1.0, Disc(0, 0, 1))
    assert find_suspects(cold, fine, 3200, 2400) == []
