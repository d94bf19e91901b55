"""What a scan can be asked for, and what it refuses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from helpers.scanner import engine_of
from sentinode.core.errors import BundleError, DataError, DataNotFoundError
from sentinode.models.bundle import Bundle
from sentinode.scanning.scan_config import ScanConfig
from sentinode.scanning.scan_queue import scan_slides
from sentinode.scanning.scan_record import LesionRule
from sentinode.scanning.tiling_config import Machine
from sentinode.slides.tissue.tissue_fit import TissueExample, train_tissue
from sentinode.slides.tissue.tissue_mask import TissueConfig


def test_a_bundle_for_photographs_is_refused(bundle: Bundle) -> None:
    pooled = bundle.info.input.model_copy(update={"pooling": ("mean",)})
    info = bundle.info.model_copy(update={"input": pooled})
    with pytest.raises(BundleError, match="judges whole photographs"):
        ScanConfig().resolved(info)


def test_no_part_of_the_lesion_rule_is_laxer_than_the_outline(bundle: Bundle) -> None:
    assert ScanConfig(threshold=0.3).resolved(bundle.info).rule == LesionRule(outline=0.3)
    strict = ScanConfig(threshold=0.95, alone=0.9).resolved(bundle.info).rule
    assert (strict.outline, strict.dense, strict.peak, strict.alone) == (0.95, 0.95, 0.95, 0.95)


def test_a_learned_tissue_model_finds_the_tissue(scan: Any, slide: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (60, 80, 3)).astype(np.uint8)
    half = np.zeros((60, 80), bool)
    half[:, :40] = True
    picture[half] = (200, 120, 180)
    model = train_tissue([TissueExample("a", picture, half), TissueExample("b", picture, half)], TissueConfig()).model
    model.save(tmp_path / "model.npz")
    (outcome,) = scan(slide, tissue=TissueConfig(), tissue_model=tmp_path / "model.npz")
    assert outcome.record.failure is None
    assert outcome.record.tissue.method == "model"
    (tmp_path / "model.npz").rename(tmp_path / "moved.npz")
    (again,) = scan(slide, tissue=TissueConfig(), tissue_model=tmp_path / "moved.npz")
    assert again.reused  # the same model under another name


def test_a_tissue_model_that_can_not_be_read_stops_before_any_slide(
    bundle: Bundle, slide: Path, tmp_path: Path
) -> None:
    (tmp_path / "junk.npz").write_bytes(b"junk")
    for name, error in (("none.npz", DataNotFoundError), ("junk.npz", DataError)):
        with pytest.raises(error, match=name):
            engine_of(bundle, ScanConfig(tissue_model=tmp_path / name))
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValidationError, match="leave one of them out"):
        ScanConfig(tissue=None, tissue_model=tmp_path / "junk.npz")


def test_readers_that_differ_are_the_failure_of_that_slide_only(
    bundle: Bundle, slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = slide.with_name("other.tif")
    other.write_bytes(slide.read_bytes())
    verified = []

    def verify(path: Path, count: int, series: int | None = None) -> None:
        verified.append((path.name, count))
        if path == other:
            raise DataError("the readers differ")

    monkeypatch.setattr("sentinode.scanning.slide_pass.verify_readers", verify)
    config = ScanConfig(tissue=None, batch=8, engine="openvino")
    outcomes = scan_slides(engine_of(bundle, config), [other, slide], tmp_path / "out", Machine(1, verify_tiles=3))
    failure = outcomes[0].record.failure
    assert failure is not None
    assert (failure.stage, failure.message) == ("opening", "the readers differ")
    assert outcomes[1].record.failure is None
    assert verified == [("other.tif", 3), ("one.tif", 3)]
