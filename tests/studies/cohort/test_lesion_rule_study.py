"""A rule for lesions fitted on scans whose truth is known, from the command line and back into a scan."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import slide_files
from helpers.model_makers import make_deployed
from sentinode.cli.main import main
from sentinode.core.errors import DataError
from sentinode.core.progress import SILENT
from sentinode.core.settings import Settings
from sentinode.metrics.lesion_probability import FEATURES
from sentinode.models.bundle_writer import write_bundle
from sentinode.scanning.learned_rule import LearnedRule
from sentinode.scanning.scan_folder import open_scan
from sentinode.studies.cohort.lesion_rule_study import fit_lesion_rule
from sentinode.studies.scan_study import scan

NAMES = ("one", "two", "three", "four")
BOX = [[0, 0], [472, 0], [472, 328], [0, 328], [0, 0]]
"""All of a slide is tumour, so that whatever is suspicious there is."""


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`bundle`, four `slides`, the `truth` of two of them, and `scans` by the heuristic rule."""
    folder = tmp_path_factory.mktemp("cohort")
    for name in ("slides", "truth"):
        (folder / name).mkdir()
    deployed, info = make_deployed("plain")
    tiles = np.random.default_rng(2).integers(0, 256, (3, 30, 30, 3)).astype(np.uint8)
    reference = {"embedding": np.zeros((5, info.embedding_size), np.float16)}
    write_bundle(folder / "bundle", info, deployed, example_tiles=tiles, reference=reference)
    for number, name in enumerate(NAMES):
        levels = slide_files.pyramid(np.roll(slide_files.picture(), 37 * number, axis=1), 3)
        slide_files.write_tiff(folder / "slides" / f"{name}.tif", levels, compression="jpeg")
    for name in NAMES[:2]:
        features = [_feature("Tumor"), _feature("Follicle")]
        (folder / "truth" / f"{name}.geojson").write_text(
            json.dumps({"type": "FeatureCollection", "features": features})
        )
    scan(folder / "bundle", [folder / "slides"], folder / "scans", tissue=None, settings=_settings(), progress=SILENT)
    return folder


def _feature(group: str) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [BOX]},
        "properties": {"objectType": "annotation", "classification": {"name": group}},
    }


def _settings() -> Settings:
    return Settings.from_environment({"SENTINODE_THREADS": "1"})


def test_fitted_from_the_command_line_and_used_by_a_scan(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cohort / "patients.csv").write_text("slide,patient\none,a\ntwo,b\nthree,a\nfour,b\n")
    words = ["lesion-rule", "fit", str(cohort / "bundle"), str(cohort / "scans"), "--slides", str(cohort / "slides")]
    words += ["--annotations", str(cohort / "truth"), "--out", str(cohort / "rule.json")]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--patients", str(cohort / "patients.csv"), "--quiet"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "of 4 slides" in said
    assert "note: Classes that were passed over, with the number of regions: Follicle (2)." in said
    rule = LearnedRule.load(cohort / "rule.json")
    assert (rule.validation.slides, rule.validation.normal_slides, rule.validation.folds) == (4, 2, 2)
    assert 0 < rule.validation.metastases < rule.validation.suspects
    assert rule.model.features == FEATURES
    assert "one, " in rule.card or ", one" in rule.card

    before = open_scan(cohort / "scans" / "one").record
    (again, *_) = scan(
        cohort / "bundle", [cohort / "slides" / "one.tif"], cohort / "scans", rule=str(cohort / "rule.json"),
        tissue=None, settings=_settings(),
    ).finished  # fmt: skip
    assert again.record.reading is not None
    assert again.record.reading.rule_sha256 == rule.sha256
    judged = (*again.record.lesions, *again.record.suspicious)
    assert [one.rank for one in judged] == list(range(1, len(judged) + 1))
    assert all(one.probability is not None for one in judged)
    assert before.reading is None


def test_scans_of_another_bundle_or_without_their_slides_are_refused(cohort: Path, tmp_path: Path) -> None:
    arguments = (cohort / "truth", tmp_path / "rule.json")
    with pytest.raises(DataError, match="another bundle"):
        fit_lesion_rule("pcam", cohort / "scans", cohort / "slides", *arguments, second_look=str(cohort / "bundle"))
    (tmp_path / "few").mkdir()
    (tmp_path / "few" / "other.tif").symlink_to(cohort / "slides" / "one.tif")
    with pytest.raises(DataError, match="give the folder that holds it"):
        fit_lesion_rule(cohort / "bundle", cohort / "scans", tmp_path / "few", *arguments)
    assert not (tmp_path / "rule.json").exists()
