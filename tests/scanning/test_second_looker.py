"""How the tiles of a second look are turned, and how many there may be."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from sentinode.models.engines.engine import Engine
from sentinode.scanning.candidates import MOST_CANDIDATES, find_candidates, most_candidates
from sentinode.scanning.heatmap import Heatmap
from sentinode.scanning.second_look import look_again
from sentinode.scanning.second_looker import TURNS, turned_scores
from sentinode.scanning.suspects import find_suspects
from sentinode.slides.mpp import Mpp


class Corners:
    """An engine that gives a tile the values of three of its corners, and remembers which tiles it was given."""

    def __init__(self, test_time: str = "none") -> None:
        self.info = SimpleNamespace(members=(), model=SimpleNamespace(test_time=test_time))
        self.given: list[NDArray[np.uint8]] = []

    def predict(self, tiles: NDArray[np.uint8]) -> Any:
        self.given.append(tiles.copy())
        corners = np.stack([tiles[:, 0, 0, 0], tiles[:, 0, -1, 0], tiles[:, -1, 0, 0]], axis=1)
        return SimpleNamespace(probabilities=corners.astype(np.float32) / 255)


def scores(engine: Corners, tiles: NDArray[np.uint8], first: int = 0) -> NDArray[np.float32]:
    return turned_scores(cast(Engine, engine), tiles, first)


def tiles(count: int) -> NDArray[np.uint8]:
    """All the same, without any symmetry."""
    one = np.arange(5 * 5 * 3, dtype=np.uint8).reshape(5, 5, 3)
    return np.broadcast_to(one, (count, 5, 5, 3)).copy()


def test_two_rows_of_a_cell_are_seen_in_all_eight_orientations() -> None:
    engine = Corners()
    scores(engine, tiles(16))
    assert len(engine.given) == TURNS
    for given in engine.given:
        for rows in (given[:8], given[4:12], given[8:]):
            assert len({tile.tobytes() for tile in rows}) == 8
    both = np.stack(engine.given)
    assert all(len({one.tobytes() for one in both[:, place]}) == TURNS for place in range(16))


def test_wider_tiles_of_one_cell_are_seen_in_all_eight_together() -> None:
    engine = Corners()
    scores(engine, tiles(4))
    assert len({tile.tobytes() for given in engine.given for tile in given}) == 8


def test_where_a_batch_ends_turns_no_tile() -> None:
    whole = scores(Corners(), tiles(16))
    parts = np.concatenate([scores(Corners(), tiles(5)), scores(Corners(), tiles(11), first=5)])
    np.testing.assert_array_equal(whole, parts)


def test_a_bundle_that_averages_itself_is_asked_once() -> None:
    engine = Corners("d4")
    scores(engine, tiles(3))
    assert len(engine.given) == 1
    np.testing.assert_array_equal(engine.given[0], tiles(3))


def heatmap(values: NDArray[np.float64]) -> Heatmap:
    return Heatmap(values.astype(np.float32), Mpp(93.0, 93.0), 96.0, 96.0)


def test_a_large_slide_has_more_candidates() -> None:
    values = np.full((100, 120), 0.01)
    values[::4, ::4] = 0.5
    large = heatmap(values)
    assert most_candidates(large) == len(find_candidates(large)) == 48
    values[50:] = np.nan  # not scanned: no tissue
    assert most_candidates(heatmap(values)) == 24
    assert most_candidates(heatmap(values[:20])) == MOST_CANDIDATES


def test_a_suspect_of_one_square_beside_a_candidate_stays() -> None:
    random = np.random.default_rng(3)
    for _ in range(20):
        grid = heatmap(np.where(random.random((9, 9)) < 0.3, 0.3, 0.05))
        fine = look_again(grid, 1.0, lambda x, _y, _wider: random.uniform(0.2, 0.53, len(x)).astype(np.float32))
        found = find_suspects(grid, fine, 9 * 96, 9 * 96)
        assert found
        assert all(each.cells >= 1 and np.isfinite(each.features).all() for each in found)
