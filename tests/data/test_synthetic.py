"""The synthetic patches: what they promise about labels, slides, seeds, and how little colour alone tells."""

import hashlib

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sentinode.core.errors import DataError
from sentinode.data.synthetic.patches import SyntheticPatches

_CENTRE = slice(32, 64)


@pytest.fixture(scope="module")
def source() -> SyntheticPatches:
    return SyntheticPatches({"n": "660"})


@pytest.fixture(scope="module")
def images(source: SyntheticPatches) -> np.ndarray:
    return np.stack([source.read(index) for index in range(len(source.records))])


def test_default_has_three_thousand_patches_of_22_slides_none_on_two_sides() -> None:
    records = SyntheticPatches({}).records
    assert len(records) == 3000
    splits_of: dict[str, set[str]] = {}
    for record in records:
        splits_of.setdefault(record.group, set()).add(record.split)
    assert len(splits_of) == 22
    assert all(len(splits) == 1 for splits in splits_of.values())
    assert len({record.id for record in records}) == 3000


@pytest.mark.parametrize("n", [44, 45, 97])
def test_every_slide_has_both_classes_even_in_the_smallest_set(n: int) -> None:
    records = SyntheticPatches({"n": str(n)}).records
    assert len(records) == n
    for slide in {record.group for record in records}:
        assert {record.label for record in records if record.group == slide} == {"normal", "tumour"}


def test_a_patch_depends_on_seed_and_index_alone(source: SyntheticPatches) -> None:
    again = SyntheticPatches({"n": "660", "seed": "0"})
    backwards = [again.read(index) for index in (500, 3, 7)]
    for index, patch in zip((500, 3, 7), backwards, strict=True):
        assert np.array_equal(patch, source.read(index))
    other = SyntheticPatches({"n": "660", "seed": "1"})
    assert not np.array_equal(other.read(3), source.read(3))


def test_fingerprint_and_address_tell_parameters_apart() -> None:
    assert SyntheticPatches({}).fingerprint() == SyntheticPatches({"n": "3000"}).fingerprint()
    assert SyntheticPatches({}).fingerprint() != SyntheticPatches({"seed": "1"}).fingerprint()
    assert SyntheticPatches({"seed": "5"}).address == "synthetic:patches?n=3000&seed=5"


def test_patches_are_96_px_rgb_and_all_different(images: np.ndarray) -> None:
    assert images.shape == (660, 96, 96, 3)
    assert images.dtype == np.uint8
    assert len({hashlib.sha256(image.tobytes()).digest() for image in images}) == 660


def test_label_says_whether_tumour_is_in_the_central_square(source: SyntheticPatches) -> None:
    beside = 0
    for index in range(0, 660, 3):
        tumour = source.tumour(index)
        assert tumour[_CENTRE, _CENTRE].any() == (source.records[index].label == "tumour")
        beside += tumour.any() and not tumour[_CENTRE, _CENTRE].any()
    assert beside > 10  # some negatives have tumour outside the centre


def test_tissue_is_pink_to_violet_on_bright_glass(images: np.ndarray) -> None:
    red, green, blue = images.reshape(-1, 3).mean(0)
    assert green < min(red, blue) - 15  # haematoxylin and eosin both absorb green most
    assert np.percentile(images, 99.5) > 225
    assert np.percentile(images, 1) < 70


def test_colour_alone_tells_little_on_unseen_slides(source: SyntheticPatches, images: np.ndarray) -> None:
    features = np.concatenate([images.mean((1, 2)), images.std((1, 2))], axis=1)
    labels = np.array([record.label == "tumour" for record in source.records])
    train = np.array([record.split == "train" for record in source.records])
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(features[train], labels[train])
    assert roc_auc_score(labels[~train], model.decision_function(features[~train])) <= 0.75


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"n": "43"}, "at least 44"), ({"n": "many"}, "not a whole number"), ({"size": "96"}, "no parameter 'size'")],
)
def test_bad_parameters_are_refused(parameters: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        SyntheticPatches(parameters)
