"""CAMELYON+: scans against the corrected labels of CAMELYON16 and CAMELYON17, and against the original ones."""

from collections.abc import Mapping
from pathlib import Path

from sentinode.core.csv_table import read_table
from sentinode.core.errors import DataError
from sentinode.core.messages import listed, plural, some
from sentinode.core.node_classes import SLIDE_CLASSES, SlideClass
from sentinode.data.slide_labels import SlideLabel, read_slide_labels
from sentinode.metrics.stages import quadratic_kappa
from sentinode.slides.annotations.camelyon import is_duplicate, patient_of
from sentinode.studies.protocols.protocol_result import OUT_FOLDER, Figures, ProtocolResult, wrong_layout
from sentinode.studies.protocols.published import CAMELYON_PLUS
from sentinode.studies.protocols.scanned_test import ScannedTest, class_accuracy, read_scanned_test, tumour_recalls

_LABELS = "labels.csv"


def measure_camelyon_plus(
    scans: str | Path,
    root: str | Path,
    out: str | Path,
    *,
    original: str | Path | None = None,
    least_score: float = 0.0,
) -> ProtocolResult:
    """Measure scans against CAMELYON+'s labels: slide AUC, four classes, and what was found of each.

    Args:
        scans: Folder with scans; of every slide of the table.
        root: Folder with `labels.csv`, or one other CSV: slide,label[,split]. With a split, its test slides
            are measured.
        out: Gets `protocol.json`.
        original: A table of the original labels of the same slides, slide,label or CAMELYON17's patient,stage: figures
            by them stand beside.
        least_score: Lesions whose highest score is below it don't count. Choose it on other slides.

    Raises:
        DataError: The layout is another one; the message says what was looked for and what was found. Or a slide was
            not scanned.
    """
    scans, root, out = Path(scans), Path(root), Path(out)
    OUT_FOLDER.check(out)
    tested = read_scanned_test(scans)
    rows = [row for row in read_slide_labels(_table(root), tested.names).rows if not is_duplicate(row.slide)]
    of_test = [row for row in rows if row.split == "test"]
    measured = of_test or rows
    truth = {row.slide: row.label for row in measured}
    tested.require(truth)
    classes = tested.classes(least_score)
    figures = {"corrected labels": _figures(truth, tested, classes)}
    notes = [*tested.not_assessed]
    notes += ["The table has a split: its test slides alone are measured."] if of_test else []
    if original is not None:
        before = {row.slide: row.label for row in read_slide_labels(Path(original), tested.names).rows}
        shared = {name: before[name] for name in truth if name in before}
        figures["original labels"] = _figures(shared, tested, classes)
        changed = sorted(name for name, label in shared.items() if _positive(label) != _positive(truth[name]))
        notes.append(f"Slides that went from normal to tumour or back: {some(changed) or 'none'}.")
        notes.append(f"Original labels are known of {plural(len(shared), 'slide')} of {len(truth):,}.")
    return ProtocolResult(out, CAMELYON_PLUS, len(truth), figures, tuple(notes)).save()


def _table(root: Path) -> Path:
    """The table of labels below `root`, or `root` itself.

    Raises:
        DataError: None is there, or several.
    """
    if root.is_file():
        return root
    if (root / _LABELS).is_file():
        return root / _LABELS
    tables = sorted(root.glob("*.csv")) if root.is_dir() else []
    tables = [table for table in tables if read_table(table).has("slide", "label")]
    if not tables:
        raise wrong_layout(CAMELYON_PLUS, root)
    if len(tables) > 1:
        raise DataError(f"{root} has {listed([one.name for one in tables])}; say which: --root {tables[0]}")
    return tables[0]


def _positive(label: str) -> bool:
    return SlideLabel("", label, "").tumour


def _figures(truth: Mapping[str, str], tested: ScannedTest, classes: Mapping[str, SlideClass]) -> Figures:
    """The slide AUC; where the table has four classes, also their accuracy and kappa, and what was found of each."""
    patients = [patient_of(name) or name for name in truth]
    areas = {"slide_auc": tested.slide_auc({name: _positive(label) for name, label in truth.items()}, patients)}
    if not set(truth.values()) <= set(SLIDE_CLASSES):
        return areas
    labels, called = list(truth.values()), [classes[name] for name in truth]
    return {
        **areas,
        "slide_class_accuracy": class_accuracy(truth, classes),
        "slide_class_kappa": quadratic_kappa(labels, called, categories=SLIDE_CLASSES),
        **tumour_recalls(truth, classes),
    }
