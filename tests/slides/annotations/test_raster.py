"""The rule of pixel centres on cases computed by hand, and against shapely on any polygon."""

import numpy as np
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st

from sentinode.slides.annotations.raster import rasterise, rasterise_polygons
from sentinode.slides.annotations.regions import Annotations, Region


def _mask(*polygons: object, width: int = 7, height: int = 5, across: float = 2.0, down: float = 4.0) -> np.ndarray:
    return rasterise_polygons(polygons, width=width, height=height, downsample_x=across, downsample_y=down)


def test_a_rectangle_takes_the_pixels_whose_centres_it_holds() -> None:
    # Centres at x = 1, 3, 5, … and y = 2, 6, 10, … level-0 pixels.
    mask = _mask(shapely.box(2.9, 1.9, 7.1, 10.1))
    assert np.argwhere(mask).tolist() == [[row, column] for row in (0, 1, 2) for column in (1, 2, 3)]
    assert not _mask(shapely.box(3.1, 2.1, 4.9, 5.9)).any()  # between the centres


def test_a_centre_on_an_edge_belongs_to_the_right_and_below() -> None:
    left, right = shapely.box(0, 0, 5, 20), shapely.box(5, 0, 14, 20)
    assert np.argwhere(_mask(left)[0]).ravel().tolist() == [0, 1]
    assert np.argwhere(_mask(right)[0]).ravel().tolist() == [2, 3, 4, 5, 6]
    upper, lower = shapely.box(0, 0, 14, 6), shapely.box(0, 6, 14, 20)
    assert np.argwhere(_mask(upper)[:, 0]).ravel().tolist() == [0]
    assert np.argwhere(_mask(lower)[:, 0]).ravel().tolist() == [1, 2, 3, 4]


def test_a_triangle_by_hand() -> None:
    # Centres (1, 2) (3, 2) …; the slanted side runs from (0, 20) to (14, 0): x = 14 · (20 − y) / 20.
    mask = _mask(shapely.Polygon([(0, 0), (14, 0), (0, 20)]))
    assert mask.sum(axis=1).tolist() == [6, 5, 3, 2, 1]  # up to x = 12.6, 9.8, 7, 4.2, 1.4; the centre at 7 is outside


def test_holes_stay_free_and_what_lies_outside_is_cut_off() -> None:
    ring = shapely.Polygon(shapely.box(-50, -50, 90, 90).exterior, [shapely.box(4, 8, 8, 16).exterior])
    mask = _mask(ring)
    assert np.argwhere(~mask).tolist() == [[row, column] for row in (2, 3) for column in (2, 3)]
    assert not _mask(shapely.box(100, 100, 120, 120)).any()
    assert not _mask(shapely.box(-20, -20, -3, -3)).any()


def test_parts_of_one_region_and_overlapping_regions_are_joined() -> None:
    parts = shapely.MultiPolygon([shapely.box(0, 0, 4, 20), shapely.box(8, 0, 12, 20)])
    assert np.argwhere(_mask(parts)[0]).ravel().tolist() == [0, 1, 4, 5]
    assert np.argwhere(_mask(parts, shapely.box(2, 0, 9, 20))[0]).ravel().tolist() == [0, 1, 2, 3, 4, 5]


def test_exclusions_are_taken_out_of_tumour_only() -> None:
    regions = (
        Region(shapely.box(0, 0, 4, 4), "exclusion"),
        Region(shapely.box(0, 0, 14, 4), "tumour"),
        Region(shapely.box(0, 0, 6, 4), "stroma"),
    )
    drawn = {
        kind: rasterise(Annotations(regions), width=7, height=2, downsample_x=2, downsample_y=2, kind=kind)
        for kind in ("tumour", "stroma", "exclusion")
    }
    assert {kind: np.argwhere(mask[0]).ravel().tolist() for kind, mask in drawn.items()} == {
        "tumour": [2, 3, 4, 5, 6],
        "stroma": [0, 1, 2],
        "exclusion": [0, 1],
    }


@given(
    st.lists(st.tuples(st.integers(-40, 200), st.integers(-30, 160)), min_size=3, max_size=9),
    st.sampled_from([(8.3, 5.1), (16.0, 16.0), (3.7, 11.9)]),
)
def test_agrees_with_shapely_at_every_centre(places: list[tuple[int, int]], downsample: tuple[float, float]) -> None:
    polygon = shapely.make_valid(shapely.Polygon(places), method="structure", keep_collapsed=False)
    assume(polygon.geom_type in {"Polygon", "MultiPolygon"} and not polygon.is_empty)
    across, down = downsample
    mask = _mask(polygon, width=23, height=19, across=across, down=down)
    y, x = np.mgrid[:19, :23]
    centres = shapely.points((x + 0.5) * across, (y + 0.5) * down)
    clear = shapely.distance(shapely.boundary(polygon), centres) > 1e-6
    assert (mask == shapely.contains(polygon, centres))[clear].all()


@pytest.mark.parametrize("polygons", [[], [shapely.Polygon()]])
def test_nothing_gives_an_empty_mask(polygons: list[object]) -> None:
    assert not _mask(*polygons).any()
