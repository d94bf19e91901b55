"""Stain vectors: known ones are found again, torchstain's are ours, and what has no two stains is refused."""

import numpy as np
import pytest
import torchstain.numpy.normalizers as oracles
from numpy.typing import NDArray
from sklearn.linear_model import Lasso

from helpers.stained_patches import EOSIN, HAEMATOXYLIN, angle_between, mixed, shown, stained, unit
from sentinode.core.stain.macenko import macenko
from sentinode.core.stain.normaliser import DensityMap, StainTarget
from sentinode.core.stain.optical_density import DENSITY, StainError, densities
from sentinode.core.stain.stain_look import Method, image_look
from sentinode.core.stain.stain_vectors import StainVectors, matrix, strengths
from sentinode.core.stain.vahadane import concentrations, vahadane

_KNOWN = np.stack([unit(HAEMATOXYLIN), unit(EOSIN)], axis=1)


def _degrees(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    return float(np.degrees(np.arccos(np.clip(first @ second, -1, 1))))


def _vectors(method: Method, image: NDArray[np.uint8]) -> StainVectors:
    found = image_look(method, image)
    assert isinstance(found, StainVectors)
    return found


@pytest.mark.parametrize("method", ["macenko", "vahadane"])
@pytest.mark.parametrize("eosin", [EOSIN, (0.10, 0.85, 0.50)])
def test_known_stains_are_found_again(method: Method, eosin: tuple[float, float, float]) -> None:
    found = _vectors(method, stained(3, eosin=eosin))
    assert _degrees(found.columns[:, 0], unit(HAEMATOXYLIN)) < 4
    assert _degrees(found.columns[:, 1], unit(eosin)) < 4
    expected = np.percentile(mixed(3, (2.0, 1.2)).reshape(-1, 2), 99, axis=0)
    np.testing.assert_allclose(found.strengths, expected, rtol=0.15)


def test_macenko_is_torchstains() -> None:
    image = stained(7, amounts=(2.2, 1.6))
    oracle = oracles.NumpyMacenkoNormalizer()
    oracle.fit(image)
    # Its density is over white of 240, and what is under 0.15 in any colour is left out: choices, not the method.
    density = -np.log((image.reshape(-1, 3) + 1.0) / 240)
    found = macenko(density[~(density < 0.15).any(axis=1)])
    np.testing.assert_allclose(found.columns, oracle.HERef, atol=1e-9)
    np.testing.assert_allclose(strengths(found.columns, density), oracle.maxCRef, rtol=1e-9)


def test_the_matrix_paints_what_torchstain_paints() -> None:
    source, target = stained(1), stained(2, (0.55, 0.75, 0.36), (0.25, 0.84, 0.48), amounts=(1.6, 1.5))
    oracle = oracles.NumpyMacenkoNormalizer()
    oracle.fit(target, Io=256)
    expected, _, _ = oracle.normalize(source, Io=256, stains=False)

    def as_oracle(image: NDArray[np.uint8]) -> StainVectors:
        density = densities(image)
        columns = macenko(density[~(density < 0.15).any(axis=1)]).columns
        (a, b, c), (d, e, f) = columns.T.tolist()
        return StainVectors((a, b, c), (d, e, f), strengths(columns, density))

    painted = DensityMap(matrix(as_oracle(source), as_oracle(target)))(source[None])[0]
    # torchstain cuts off where we round, adds one to no shift, and paints away what is of neither stain: noise here.
    assert np.abs(painted.astype(int) - expected).max() <= 2


def test_sparse_concentrations_are_those_of_a_general_solver() -> None:
    density = densities(stained(4))[::97]
    found = concentrations(density, _KNOWN)
    for row, mine in zip(density, found, strict=True):
        solver = Lasso(alpha=0.1 / 3, positive=True, fit_intercept=False, tol=1e-12, max_iter=100_000)
        np.testing.assert_allclose(mine, solver.fit(_KNOWN, row).coef_, atol=1e-6)


def test_more_pixels_than_are_looked_at_change_little() -> None:
    density = densities(stained(5, side=160))
    whole, part = vahadane(density), vahadane(density[::2])
    assert angle_between(whole, part) < 1


@pytest.mark.parametrize("method", ["macenko", "vahadane"])
def test_an_image_gets_the_target_stain(method: Method) -> None:
    other = ((0.50, 0.76, 0.42), (0.10, 0.85, 0.50))
    source, target = stained(1), stained(2, *other, amounts=(1.4, 0.8))
    look = image_look(method, target)
    painted = StainTarget(method, look).normaliser(image_look(method, source))(source[None])[0]
    found, wanted = _vectors(method, painted), _vectors(method, target)
    assert angle_between(found, wanted) < 3
    np.testing.assert_allclose(found.strengths, wanted.strengths, rtol=0.08)


def test_the_same_stain_leaves_every_byte_and_white_stays_white() -> None:
    image = stained(1)
    look = _vectors("macenko", image)
    np.testing.assert_array_equal(StainTarget("macenko", look).normaliser(look)(image[None])[0], image)
    other = StainTarget("macenko", _vectors("macenko", stained(2, amounts=(1.2, 0.7)))).normaliser(look)
    assert (other(np.full((1, 4, 4, 3), 255, np.uint8)) == 255).all()


def test_what_is_of_neither_stain_keeps_its_density_across_both() -> None:
    look, other = _vectors("macenko", stained(1)), _vectors("macenko", stained(2, (0.5, 0.76, 0.42)))
    normal = np.cross(look.columns[:, 0], look.columns[:, 1])
    moved = matrix(look, other) @ normal
    wanted = np.cross(other.columns[:, 0], other.columns[:, 1])
    np.testing.assert_allclose(moved, wanted * np.linalg.norm(normal) / np.linalg.norm(wanted), atol=1e-6)


def _ink(colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    return np.clip(np.array(colour) + rng.integers(-9, 10, (96, 96, 3)), 0, 255).astype(np.uint8)


def _fat() -> NDArray[np.uint8]:
    image = np.full((96, 96, 3), 243, np.uint8)
    image[::80] = shown(0.8 * unit(EOSIN))
    return image


_GREY = np.repeat(stained(1).mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
_NO_EOSIN = shown(mixed(1, (2.0, 0.0))[..., :1] * unit(HAEMATOXYLIN))
_NO_HAEMATOXYLIN = shown(mixed(1, (0.0, 1.6))[..., 1:] * unit(EOSIN))
_DAB = stained(1, eosin=(0.268, 0.570, 0.776))


@pytest.mark.parametrize("method", ["macenko", "vahadane"])
@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.full((96, 96, 3), 244, np.uint8), "too little tissue"),
        (np.zeros((96, 96, 3), np.uint8), "too little tissue"),
        (_ink((40, 60, 160)), "too little tissue"),
        (_ink((40, 130, 70)), "too little tissue"),
        (_ink((20, 20, 20)), "too little tissue"),
        (_fat(), "too little tissue"),
        (_NO_EOSIN, "one stain"),
        (_NO_HAEMATOXYLIN, "one stain"),
        (_GREY, "one stain"),
        (_DAB, "no haematoxylin and eosin"),
    ],
    ids=["blank", "black", "blue ink", "green ink", "black ink", "fat", "no eosin", "no haematoxylin", "grey", "DAB"],
)  # fmt: skip
def test_what_has_no_haematoxylin_and_eosin_is_refused(method: Method, image: NDArray[np.uint8], reason: str) -> None:
    with pytest.raises(StainError, match=reason):
        image_look(method, image)


def test_densities_are_of_the_table() -> None:
    np.testing.assert_allclose(densities(np.array([[0, 127, 255]], np.uint8)), -np.log([[1 / 256, 0.5, 1]]), atol=1e-6)
    assert DENSITY[255] == 0
