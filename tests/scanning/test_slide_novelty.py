"""A slide unlike the training data says so in its record; one like it, or one that can't be judged, does not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.scanner import Scanner
from sentinode.core.files import write_json
from sentinode.core.stain_statistics import STAIN_COLUMNS, stain_statistics
from sentinode.models.bundle import Bundle
from sentinode.models.engines.engine_factory import open_engine
from sentinode.scanning.scan_folder import ScanFolder, open_scan
from sentinode.scanning.scan_record import RECORD_FILE
from sentinode.scanning.slide_novelty import MOST_OUTSIDE, SAMPLE
from sentinode.slides.slide import open_slide

COUNT = 300


def tiles_of(path: Path, count: int, seed: int, *, inverted: bool = False) -> np.ndarray:
    """(count, 30, 30, 3) tiles of the slide at random places, as a bundle for 0.972 µm/px gets them."""
    rng = np.random.default_rng(seed)
    with open_slide(path) as slide:
        places = rng.integers(0, (slide.width - 60, slide.height - 60), (count, 2))
        tiles = np.stack([slide.read_at(0.972, int(x), int(y), 30, 30) for x, y in places])
    return 255 - tiles if inverted else tiles


@pytest.fixture
def trained_on(
    write_model: Callable[..., Bundle], bundle: Bundle, slide: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Bundle]:
    """The small bundle, as if it had been trained on tiles of the slide, or on such in other colours."""

    def made(*, inverted: bool) -> Bundle:
        tiles = tiles_of(slide, COUNT, 3, inverted=inverted)
        engine = open_engine(bundle, "openvino", threads=1)
        reference: dict[str, Any] = {
            "embedding": engine.predict(tiles).embedding.astype(np.float16),
            "stain": stain_statistics(tiles),
            "stain_columns": np.array(STAIN_COLUMNS),
        }
        known = write_model()
        monkeypatch.setattr(type(known), "reference", lambda _: reference)
        return known

    return made


def test_a_slide_like_the_training_data(scan: Scanner, slide: Path, trained_on: Callable[..., Bundle]) -> None:
    (outcome,) = scan(slide, bundle=trained_on(inverted=False))
    record = outcome.record
    assert record.status == "finished"
    assert record.novelty is not None
    assert not record.novelty.outside
    assert record.novelty.tiles == min(SAMPLE, record.tiles.scanned)
    assert set(record.novelty.shares) == {"stain", "embedding"}
    assert not any("unlike" in note for note in record.notes)


def test_a_slide_of_other_colours_says_so_and_remembers(
    scan: Scanner, slide: Path, trained_on: Callable[..., Bundle]
) -> None:
    known = trained_on(inverted=True)
    (outcome,) = scan(slide, bundle=known)
    record = outcome.record
    assert record.status == "finished"
    assert record.novelty is not None
    assert record.novelty.outside
    assert record.novelty.shares["stain"] > MOST_OUTSIDE
    assert [note for note in record.notes if "unlike" in note and "in stain" in note and "doubt" in note]
    # Where only lesions are looked for anew, what is known of the slide stays.
    scanned = open_scan(scan.out / "one")
    older = scanned.record.model_copy(update={"lesion_rule": None})
    write_json(scan.out / "one" / RECORD_FILE, older.model_dump(mode="json"))
    (again,) = scan(slide, bundle=known)
    assert not again.reused
    assert isinstance(again.record, type(record))
    assert (again.record.novelty, again.record.notes) == (record.novelty, record.notes)


def test_a_bundle_that_knows_too_little_says_nothing(scan: Scanner, slide: Path) -> None:
    (outcome,) = scan(slide)
    assert outcome.record.status == "finished"
    assert ScanFolder(scan.out / "one", outcome.record).record.novelty is None
    assert outcome.record.notes == ()
