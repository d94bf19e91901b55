"""Protocols of slide test sets: scans without a model, in folders of the public layouts, counted by hand."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from helpers import scan_folders
from sentinode.cli.main import main
from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.studies.protocols.camelyon16_protocol import measure_camelyon16
from sentinode.studies.protocols.camelyon17_protocol import measure_camelyon17
from sentinode.studies.protocols.camelyon_plus_protocol import measure_camelyon_plus

CELL_PX = scan_folders.CELL_PX


def scan(folder: Path, cells: int, score: float) -> None:
    """One focus of so many cells of 100 µm in a row."""
    scores = np.full((8, 40), 0.01)
    scores[3, 4 : 4 + cells] = score
    scan_folders.write_scan(folder, scores)


def annotate(folder: Path, name: str) -> None:
    """ASAP's XML of a tumour of 600 × 500 µm around the focus of `scan`."""
    corners = [(3, 1), (9, 1), (9, 6), (3, 6)]
    points = "".join(
        f'<Coordinate Order="{place}" X="{x * CELL_PX}" Y="{y * CELL_PX}"/>' for place, (x, y) in enumerate(corners)
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.xml").write_text(
        '<?xml version="1.0"?><ASAP_Annotations><Annotations><Annotation Name="a" Type="Polygon" PartOfGroup="Tumor">'
        f"<Coordinates>{points}</Coordinates></Annotation></Annotations></ASAP_Annotations>",
        encoding="utf-8",
    )


@pytest.fixture
def camelyon16(tmp_path: Path) -> Path:
    """Five test slides: 001 and 114 have tumour, 002 and 049 a false alarm, 003 nothing."""
    foci = {"test_001": (2, 0.9), "test_002": (1, 0.6), "test_003": (0, 0.0), "test_049": (1, 0.99),
            "test_114": (1, 0.7)}  # fmt: skip
    images = tmp_path / "CAMELYON16" / "testing" / "images"
    images.mkdir(parents=True)
    for name, (cells, score) in foci.items():
        (images / f"{name}.tif").touch()
        scan(tmp_path / "scans" / name, cells, score)
    for name in ("test_001", "test_049", "test_114"):
        annotate(images.parent / "lesion_annotations", name)
    (images.parent / "reference.csv").write_text(
        "test_001,Tumor,IDC,Macro\ntest_002,Normal,None,None\ntest_003,Normal,None,None\n"
        "test_049,Tumor,IDC,Micro\ntest_114,Tumor,IDC,Macro\n",
        encoding="utf-8",
    )
    return tmp_path


def test_camelyon16_leaves_out_what_the_organisers_do(camelyon16: Path) -> None:
    labels = camelyon16 / "plus.csv"
    labels.write_text("slide,label\ntest_001,macro\ntest_002,itc\ntest_003,negative\n", encoding="utf-8")
    result = measure_camelyon16(camelyon16 / "scans", camelyon16 / "CAMELYON16", camelyon16 / "out", labels=labels)
    original, corrected = result.figures["original labels"], result.figures["corrected labels"]
    # FROC of 001, 002 and 003: one target, hit at 0.9 before any false positive.
    assert (original["froc"].value, original["froc"].n) == (1.0, 1)
    assert original["sensitivity_at_0.25"].value == 1.0
    # 001 (0.9) and 114 (0.7) against 002 (0.6) and 003 (0.01); 049, the duplicate, would not change that.
    assert (original["slide_auc"].value, original["slide_auc"].n) == (1.0, 4)
    assert (corrected["slide_auc"].value, corrected["slide_auc"].n) == (1.0, 3)  # 002 is tumour there
    said = result.summary()
    for part in (
        "4 slides", "not the published test set, which has 129", "published: 0.807 challenge winner",
        "Labels that were corrected: test_002.", "left out of that AUC: test_114.", "Test_114 is not fully annotated",
    ):  # fmt: skip
        assert part in said
    record = json.loads((camelyon16 / "out" / "protocol.json").read_text(encoding="utf-8"))
    assert record["figures"]["original labels"]["froc"]["value"] == 1.0
    assert (camelyon16 / "out" / "froc" / "froc.html").is_file()


def test_camelyon16_takes_all_test_slides_and_no_others(camelyon16: Path) -> None:
    root, scans = camelyon16 / "CAMELYON16", camelyon16 / "scans"
    scan(scans / "tumor_001", 1, 0.5)
    with pytest.raises(DataError, match="scans of other slides: tumor_001"):
        measure_camelyon16(scans, root, camelyon16 / "out")
    (scans / "tumor_001").rename(camelyon16 / "elsewhere")
    (scans / "test_003").rename(camelyon16 / "away")
    with pytest.raises(DataError, match=r"no finished scan of 1 of 4 slides: test_003"):
        measure_camelyon16(scans, root, camelyon16 / "out")
    (root / "testing" / "lesion_annotations" / "test_001.xml").unlink()
    (camelyon16 / "away").rename(scans / "test_003")
    with pytest.raises(DataError, match="says that test_001 has tumour, and no annotation"):
        measure_camelyon16(scans, root, camelyon16 / "out")


@pytest.fixture
def camelyon17(tmp_path: Path) -> Path:
    """Patient 0 of centre 0 and patient 21 of centre 1, five slides each."""
    cells = {"patient_000": (0, 2, 5, 30, 0), "patient_021": (0, 0, 1, 0, 0)}
    truth = {"patient_000": ("negative", "itc", "micro", "macro", "micro"),
             "patient_021": ("negative", "negative", "itc", "negative", "negative")}  # fmt: skip
    root = tmp_path / "CAMELYON17"
    root.mkdir()
    lines = ["patient,stage"]
    for who, stage in (("patient_000", "pN1"), ("patient_021", "pN0(i+)")):
        lines.append(f"{who}.zip,{stage}")
        for node, count in enumerate(cells[who]):
            lines.append(f"{who}_node_{node}.tif,{truth[who][node]}")
            scan(tmp_path / "scans" / f"{who}_node_{node}", count, 0.9)
    (root / "stage_labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def test_camelyon17_gives_kappa_over_all_by_hospital_and_by_corrected_labels(camelyon17: Path) -> None:
    labels = camelyon17 / "plus.csv"
    rows = [f"patient_021_node_{node},{'macro' if node == 2 else 'negative'}" for node in range(5)]
    labels.write_text("slide,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    result = measure_camelyon17(camelyon17 / "scans", camelyon17 / "CAMELYON17", camelyon17 / "out", labels=labels)
    original, corrected = result.figures["original labels"], result.figures["corrected labels"]
    # Patient 0: micro and macro found, one micro missed: pN1 as it is. Patient 21: isolated cells only.
    assert original["kappa"].value == 1.0
    assert original["stage_accuracy"].value == 1.0
    assert (original["slide_class_accuracy"].value, original["slide_class_accuracy"].n) == (0.9, 10)
    assert (original["micro_found"].value, original["itc_found"].value) == (0.5, 1.0)
    assert {name for name in result.figures if "centre" in name} == {
        "original labels, centre 0",
        "original labels, centre 1",
    }
    assert corrected["stage_accuracy"].value == 0.0  # pN1 by the corrected labels, pN0(i+) by the scans
    assert "Labels that were corrected: patient_021_node_2." in result.notes
    assert "not the published test set, which has 100" in result.summary()


def test_camelyon_plus_has_four_classes_and_the_original_labels_beside(camelyon17: Path) -> None:
    root = camelyon17 / "plus"
    root.mkdir()
    rows = ["slide,label,split"]
    rows += [f"patient_000_node_{node},{name},test" for node, name in enumerate(("itc", "itc", "micro", "macro"))]
    rows += ["patient_021_node_0,negative,test", "patient_021_node_2,itc,train"]
    (root / "corrected.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    result = measure_camelyon_plus(
        camelyon17 / "scans", root, camelyon17 / "out", original=camelyon17 / "CAMELYON17" / "stage_labels.csv"
    )
    corrected, original = result.figures["corrected labels"], result.figures["original labels"]
    # Scores: node 0 of patient 0 has 0.01, as the normal slide; three with tumour have 0.9.
    assert corrected["slide_auc"].value == pytest.approx((3 + 0.5) / 4)
    assert original["slide_auc"].value == 1.0
    assert corrected["slide_class_accuracy"].value == 0.8
    assert (corrected["itc_found"].value, original["itc_found"].value) == (0.5, 1.0)
    assert "Slides that went from normal to tumour or back: patient_000_node_0." in result.notes
    assert "The table has a split: its test slides alone are measured." in result.notes


@pytest.mark.parametrize(
    ("measure", "looked_for"),
    [
        (measure_camelyon16, "testing/images"),
        (measure_camelyon17, "stage_labels.csv"),
        (measure_camelyon_plus, "labels.csv"),
    ],
)
def test_another_layout_is_refused(
    camelyon17: Path, measure: Callable[..., object], looked_for: str, tmp_path: Path
) -> None:
    (tmp_path / "root" / "slides").mkdir(parents=True)
    with pytest.raises(DataNotFoundError, match=rf"looked for .*{looked_for}.*; found slides"):
        measure(camelyon17 / "scans", tmp_path / "root", tmp_path / "out")


def test_the_command_prints_figures_and_refuses_in_one_line(
    camelyon16: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["protocol", "camelyon16", str(camelyon16 / "scans"), "--out", str(camelyon16 / "out"), "--root"]
    with pytest.raises(SystemExit) as ended:
        main([*words, str(camelyon16 / "CAMELYON16")])
    assert ended.value.code == 0
    assert "slide auc" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main([*words, str(camelyon16 / "scans")])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: ")
