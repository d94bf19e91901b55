"""Which samples a gallery shows, and in which order."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from sentinode.metrics.predictions import Predictions
from sentinode.reports.galleries import SIZE, binary_galleries, multiclass_galleries


@pytest.mark.parametrize("positive", [0, 1])
def test_worst_errors_and_typical_hits(positive):
    rng = np.random.default_rng(0)
    scores, truths = rng.uniform(size=200), rng.integers(0, 2, 200)
    columns = np.column_stack([1 - scores, scores])
    labels = truths if positive else 1 - truths
    predictions = Predictions(
        [f"id{row}" for row in range(200)],
        [""] * 200,
        labels,
        columns if positive else columns[:, ::-1],
        ("normal", "tumour") if positive else ("tumour", "normal"),
        positive,
    )
    misses, alarms, hits, passes = binary_galleries(predictions, 0.4, None, "patch")
    assert [sample.score for sample in misses.samples] == sorted(scores[(truths == 1) & (scores < 0.4)])[:SIZE]
    assert [sample.score for sample in alarms.samples] == sorted(scores[(truths == 0) & (scores >= 0.4)])[::-1][:SIZE]
    middle = np.median(scores[(truths == 1) & (scores >= 0.4)])
    distances = np.sort(np.abs(scores[(truths == 1) & (scores >= 0.4)] - middle))[:SIZE]
    assert [abs(sample.score - middle) for sample in hits.samples] == pytest.approx(distances)
    assert all(sample.score < 0.4 and "true class normal" in sample.alt for sample in passes.samples)
    assert f"{len(misses.samples)} of" in misses.remark
    assert all(not sample.image for sample in misses.samples)


def test_a_perfect_model_has_no_errors_to_show():
    labels = np.array([0, 1])
    predictions = Predictions(["a", "b"], ["", ""], labels, np.eye(2)[labels], ("normal", "tumour"), 1)
    misses, alarms, hits, _ = binary_galleries(predictions, 0.5, None, "patch")
    assert misses.samples == alarms.samples == ()
    assert misses.remark == "None."
    assert hits.remark.endswith("all 1 patch.")


def test_surest_errors_of_many_classes_and_hits_of_each(many):
    predictions = many.predictions
    errors, hits = multiclass_galleries(predictions, None, "patch")
    decided, confidence = predictions.probabilities.argmax(axis=1), predictions.probabilities.max(axis=1)
    wrong = decided != predictions.labels
    assert [sample.score for sample in errors.samples] == sorted(confidence[wrong])[::-1][:SIZE]
    first = int(np.flatnonzero(wrong & (confidence == errors.samples[0].score))[0])
    names = predictions.class_names
    assert errors.samples[0].note == f"{names[predictions.labels[first]]} taken for {names[decided[first]]}"
    assert {sample.note for sample in hits.samples} == set(names)


def test_pictures_are_small_jpegs_of_the_right_row(make_predictions):
    predictions = make_predictions(60, 4)

    def image(row: int) -> np.ndarray:
        return np.full((300, 600, 3), row, dtype=np.uint8)

    for gallery in binary_galleries(predictions, 0.5, image, "patch"):
        for sample in gallery.samples:
            head, content = sample.image.split(",")
            assert head == "data:image/jpeg;base64"
            picture = Image.open(io.BytesIO(base64.b64decode(content)))
            assert picture.size == (144, 72)
            row = next(row for row, name in enumerate(predictions.ids) if sample.id.startswith(f"{name} of slide"))
            assert abs(int(np.asarray(picture)[30, 30, 0]) - row) <= 2


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("valid/1/patch0031.jpg", "patch0031"),
        ("a.b/c.d", "a.b/c.d"),
        ("x" * 40, "…" + "x" * 15),
    ],
)
def test_short_ids_keep_what_tells_them_apart(name, short):
    predictions = Predictions([name], [""], np.array([1]), np.array([[0.9, 0.1]]), ("normal", "tumour"), 1)
    sample = binary_galleries(predictions, 0.5, None, "patch")[0].samples[0]
    assert (sample.short_id, sample.id) == (short, name)


def test_errors_carry_their_maps_and_an_empty_one_is_said(make_predictions):
    predictions = make_predictions(60, 0)
    picture = np.zeros((8, 8, 3), np.uint8)
    (of_none, *_), (of_all, *_, hits) = (
        binary_galleries(predictions, 0.5, lambda _: picture, "patch", maps)
        for maps in (lambda _: None, lambda _: picture)
    )
    assert of_none.samples
    assert all(not sample.map and sample.note.endswith("empty map") for sample in of_none.samples)
    assert all(sample.map.startswith("data:image/jpeg") and "map" not in sample.note for sample in of_all.samples)
    assert not any(sample.map for sample in hits.samples)
