"""The learned mask: what it is trained from, what it finds on slides that it did not see, how it is kept."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers import tissue_pictures
from sentinode.core.errors import AnnotationError, DataError, DataNotFoundError
from sentinode.slides.annotations.annotation_folder import AnnotationFolder
from sentinode.slides.slide import open_slide
from sentinode.slides.slide_names import SlideNames
from sentinode.slides.tissue.pixel_features import FEATURES, pixel_features, with_products
from sentinode.slides.tissue.tissue_examples import read_example
from sentinode.slides.tissue.tissue_fit import TissueExample, TissueTraining, dice, mean_dice, train_tissue
from sentinode.slides.tissue.tissue_mask import TissueConfig, tissue_mask
from sentinode.slides.tissue.tissue_model import TissueModel


@pytest.fixture(scope="module")
def examples() -> list[TissueExample]:
    """Three slides where a violet drop is no tissue, which the rules can't know."""
    made = []
    for number in range(3):
        plain = tissue_pictures.glass(90 + number, 121, seed=number)
        tissue = tissue_pictures.rectangle(plain, 10 + 9 * number, 12, 60 + 9 * number, 70)
        drop = tissue_pictures.rectangle(plain, 85, 20 + 5 * number, 110, 60 + 5 * number)
        picture = tissue_pictures.stained(plain, tissue, seed=number).astype(float)
        picture[drop] *= (0.93, 0.72, 0.95)
        made.append(TissueExample(f"s{number}", picture.astype(np.uint8), tissue & ~drop))
    return made


@pytest.fixture(scope="module")
def trained(examples: list[TissueExample]) -> TissueTraining:
    return train_tissue(examples, TissueConfig())


def test_a_model_learns_what_the_rules_cannot_know(trained: TissueTraining) -> None:
    held_out = trained.model.info.held_out_dice
    assert list(held_out) == ["s0", "s1", "s2"]
    assert all(value is not None and value > 0.97 for value in held_out.values())
    rules = mean_dice(trained.rules_dice.values())
    assert rules is not None
    assert rules < 0.9
    assert trained.model.info.slides == ("s0", "s1", "s2")


def test_training_is_repeatable_and_its_file_holds_only_numbers(
    trained: TissueTraining, examples: list[TissueExample], tmp_path: Path
) -> None:
    again = train_tissue(examples, TissueConfig())
    assert np.array_equal(again.model.coefficients, trained.model.coefficients)
    trained.model.save(tmp_path / "model.npz")
    loaded = TissueModel.load(tmp_path / "model.npz")
    assert loaded.info == trained.model.info
    for one in examples:
        assert np.array_equal(loaded.predict(one.overview, 8.0), trained.model.predict(one.overview, 8.0))


def test_a_model_makes_the_mask_of_a_slide(
    trained: TissueTraining, examples: list[TissueExample], tmp_path: Path
) -> None:
    one = examples[1]
    Image.fromarray(one.overview.repeat(2, axis=0).repeat(2, axis=1)).save(tmp_path / "s.png")
    with open_slide(tmp_path / "s.png", mpp=4.0) as slide:
        found = tissue_mask(slide, model=trained.model)
    value = dice(found.mask, one.truth)
    assert value is not None
    assert value > 0.97
    assert found.tissue_mm2 + sum(found.excluded.values()) == pytest.approx(one.truth.size * 64e-6)


def test_a_large_overview_is_worked_on_in_bands_without_a_seam(
    trained: TissueTraining, examples: list[TissueExample]
) -> None:
    tall = np.concatenate([one.overview for one in examples * 2])[:500]
    assert len(tall) == 500
    whole = trained.model.probabilities(pixel_features(tall, 8.0).reshape(-1, len(FEATURES))) > 0.5
    assert np.array_equal(trained.model.predict(tall, 8.0).ravel(), whole)


def test_one_slide_gives_a_model_without_a_held_out_figure(examples: list[TissueExample]) -> None:
    trained = train_tissue(examples[:1], TissueConfig())
    assert trained.model.info.held_out_dice == {}
    assert mean_dice(trained.model.info.held_out_dice.values()) is None


def test_a_slide_without_tissue_is_a_good_example(examples: list[TissueExample]) -> None:
    plain = tissue_pictures.glass(77, 91)
    blank = TissueExample("blank", plain, np.zeros(plain.shape[:2], bool))
    assert train_tissue([*examples, blank], TissueConfig()).model.info.held_out_dice["blank"] is None
    with pytest.raises(DataError, match="without tissue"):
        train_tissue([blank], TissueConfig())


def test_examples_need_names_of_their_own(examples: list[TissueExample]) -> None:
    with pytest.raises(DataError, match="s0, s0"):
        train_tissue([examples[0], examples[0]], TissueConfig())
    with pytest.raises(DataError, match="none"):
        train_tissue([], TissueConfig())


def test_dice_by_hand() -> None:
    found, truth = np.array([[1, 1, 0]], bool), np.array([[0, 1, 1]], bool)
    assert dice(found, truth) == 0.5
    assert dice(~found, found) == 0
    assert dice(found & ~found, found & ~found) is None


def test_features_have_their_names_and_products(examples: list[TissueExample]) -> None:
    features = pixel_features(examples[0].overview, 8.0)
    assert features.shape == (*examples[0].overview.shape[:2], len(FEATURES))
    assert np.isfinite(features).all()
    assert with_products(np.array([[2.0, 3.0]], np.float32)).tolist() == [[2, 3, 4, 6, 9]]


def test_what_is_no_model_is_refused(trained: TissueTraining, tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="tissue train"):
        TissueModel.load(tmp_path / "none.npz")
    path = tmp_path / "bad.npz"
    for content in (b"", b"junk", b"PK\x03\x04 truncated"):
        path.write_bytes(content)
        with pytest.raises(DataError, match="not a tissue model"):
            TissueModel.load(path)
    np.savez(path, other=np.zeros(3))
    with pytest.raises(DataError, match="not a tissue model"):
        TissueModel.load(path)
    np.savez(path, info=np.array([{"a": 1}], dtype=object))  # a pickle
    with pytest.raises(DataError, match="not a tissue model"):
        TissueModel.load(path)
    info = trained.model.info.model_dump(mode="json")
    arrays = {"centre": trained.model.centre, "scale": trained.model.scale}
    for changed, coefficients, words in (
        ({"features": ["od_red"]}, trained.model.coefficients, "other features"),
        ({}, trained.model.coefficients[:-1], "other features"),
        ({}, trained.model.coefficients * np.nan, "other features"),
        ({"format_version": 2}, trained.model.coefficients, "not a tissue model"),
    ):
        np.savez(path, info=np.array(json.dumps(info | changed)), coefficients=coefficients, **arrays)
        with pytest.raises(DataError, match=words):
            TissueModel.load(path)


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    """A slide of 422 × 300 pixels at 4 µm/px, and a folder for its masks."""
    (tmp_path / "masks").mkdir()
    Image.fromarray(tissue_pictures.glass(300, 422)).save(tmp_path / "s1.png")
    return tmp_path


def _truth(drawn: Path) -> np.ndarray:
    with open_slide(drawn / "s1.png", mpp=4.0) as slide:
        return read_example(slide, AnnotationFolder(drawn / "masks", SlideNames([slide.path.name])), 8.0).truth


@pytest.mark.parametrize(("scale", "value"), [(1, 255), (2, 1), (3, 200)])
def test_a_mask_image_of_any_scale_is_taken(drawn: Path, scale: int, value: int) -> None:
    mask = np.zeros((round(300 / scale), round(422 / scale)), np.uint8)
    mask[: mask.shape[0] // 2] = value
    Image.fromarray(mask).save(drawn / "masks" / "s1.png")
    truth = _truth(drawn)
    assert truth.shape == (150, 211)
    assert truth[:74].all()
    assert not truth[76:].any()


def test_annotations_are_taken_for_masks(drawn: Path) -> None:
    def ring(left: int, top: int, right: int, bottom: int) -> list[list[int]]:
        return [[left, top], [right, top], [right, bottom], [left, bottom]]

    content = {
        "positive": [{"name": "a", "vertices": ring(0, 0, 200, 300)}],
        "negative": [{"name": "b", "vertices": ring(0, 0, 100, 100)}],
    }
    (drawn / "masks" / "s1.json").write_text(json.dumps(content))
    truth = _truth(drawn)
    assert truth.sum() == 100 * 150 - 50 * 50
    assert truth[60, 60]
    assert not truth[40, 40]


def test_masks_that_do_not_fit_are_refused(drawn: Path) -> None:
    with pytest.raises(DataNotFoundError, match=r"no s1\.png"):
        _truth(drawn)
    Image.new("L", (300, 422)).save(drawn / "masks" / "s1.png")
    with pytest.raises(DataError, match=r"300 × 422 .*s1 .*422 × 300"):
        _truth(drawn)
    (drawn / "masks" / "s1.json").write_text('{"positive": []}')
    with pytest.raises(DataError, match=r"s1\.png, s1\.json for one slide"):
        _truth(drawn)
    (drawn / "masks" / "s1.png").unlink()
    far = [[0, 0], [900, 0], [900, 900]]
    (drawn / "masks" / "s1.json").write_text(json.dumps({"positive": [{"name": "a", "vertices": far}]}))
    with pytest.raises(AnnotationError, match="another slide"):
        _truth(drawn)
