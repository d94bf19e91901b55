"""CAMELYON16: FROC and slide AUC of scans of its test slides, with the organisers' exclusions and both label sets."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sentinode.core.errors import DataError
from sentinode.core.messages import some
from sentinode.core.metric import Metric
from sentinode.data.slide_labels import read_slide_labels
from sentinode.data.tiles.slide_table import read_slide_tables
from sentinode.slides.annotations.annotation_folder import AnnotationFolder
from sentinode.slides.annotations.camelyon import is_wrong, named_slide
from sentinode.slides.slide_list import list_slides
from sentinode.slides.slide_names import SlideNames
from sentinode.studies.cohort.froc_study import froc_of_scans
from sentinode.studies.protocols.protocol_result import OUT_FOLDER, Figures, ProtocolResult, wrong_layout
from sentinode.studies.protocols.published import CAMELYON16
from sentinode.studies.protocols.scanned_test import ScannedTest, read_scanned_test

_SLIDES = ("testing/images", "images")
_ANNOTATIONS = ("testing/lesion_annotations", "lesion_annotations", "annotations")
_REFERENCES = ("testing/reference.csv", "reference.csv")
_RATES = (0.25, 0.5, 1, 2, 4, 8)


def measure_camelyon16(
    scans: str | Path, root: str | Path, out: str | Path, *, labels: str | Path | None = None
) -> ProtocolResult:
    """Measure scans of CAMELYON16's test slides: FROC, its six sensitivities, and the slide AUC.

    Args:
        scans: Folder with the scans of all test slides, and of no others.
        root: The data set's folder, as the challenge packed it (`testing/images`) or as the open-data mirrors do
            (`images`), with the annotations unpacked.
        out: Gets `protocol.json` and, in `froc/`, the page of the FROC.
        labels: Other labels of the same slides, such as those of CAMELYON+: a table slide,label. Their slide AUC stands
            beside; a slide without a line is left out of it.

    Raises:
        DataError: The layout is another one; the message says what was looked for and what was found. Or a test slide
            was not scanned, or `reference.csv` and the annotations contradict each other.
    """
    scans, root, out = Path(scans), Path(root), Path(out)
    OUT_FOLDER.check(out)
    slides, annotations = _test_slides(root), _existing(root, _ANNOTATIONS)
    if not slides or annotations is None:
        raise wrong_layout(CAMELYON16, root)
    tested = read_scanned_test(scans)
    counted = [name for name in slides if not is_wrong(name)]
    wrong = [name for name in slides if is_wrong(name) and name in tested.scans]  # may be there, and is not looked at
    tested.require(counted)
    tested.refuse_others([*counted, *wrong], "give a folder with scans of the test slides alone")
    truth = _truth(root, annotations, counted)
    found = froc_of_scans(scans, annotations, out / "froc")
    names = ["froc", *(f"sensitivity_at_{rate:g}" for rate in _RATES)]
    metrics = {name: Metric.from_json(found.facts["metrics"][name]) for name in names}
    figures: dict[str, Figures] = {"original labels": metrics | {"slide_auc": tested.slide_auc(truth)}}
    notes = [*tested.not_assessed, *found.facts["notes"]]
    if labels is not None:
        other = _relabelled(Path(labels), tested, counted)
        figures["corrected labels"] = {"slide_auc": tested.slide_auc(other)}
        changed = sorted(name for name in other if other[name] != truth[name])
        notes.append(f"Labels that were corrected: {some(changed) or 'none'}.")
        if without := sorted(set(counted) - other.keys()):
            notes.append(f"Without a corrected label, left out of that AUC: {some(without)}.")
    return ProtocolResult(out, CAMELYON16, len(counted), figures, tuple(notes), (out / "froc" / "froc.html",)).save()


def _test_slides(root: Path) -> list[str]:
    """Names of the test slides; none where no folder of the layout is there."""
    folder = _existing(root, _SLIDES)
    if folder is None or not any(folder.iterdir()):
        return []
    names = [file.stem for file in list_slides([folder])]
    return [name for name in names if (known := named_slide(name)) is not None and known.split == "test"]


def _existing(root: Path, places: Sequence[str]) -> Path | None:
    return next((root / place for place in places if (root / place).exists()), None)


def _truth(root: Path, annotations: Path, slides: Sequence[str]) -> dict[str, bool]:
    """Which slides have tumour: by reference.csv where it is there, else by the annotations.

    Raises:
        DataError: The two contradict each other, or reference.csv lacks a slide.
    """
    names = SlideNames(f"{name}.tif" for name in slides)
    folder = AnnotationFolder(annotations, names)
    drawn = {name: folder.of(name) is not None for name in slides}
    reference = _existing(root, _REFERENCES)
    if reference is None:
        return drawn
    rows = read_slide_tables([reference], names).rows
    for name in slides:
        said = rows[name].tumour if name in rows else None
        if said is None:
            raise DataError(f"{reference} has no label of {name}; get the file again")
        if said != drawn[name]:
            has = "an annotation" if drawn[name] else "no annotation"
            raise DataError(
                f"{reference} says that {name} {'has tumour' if said else 'is normal'}, and {has} of it is in "
                f"{annotations}; unpack the annotations again"
            )
    return drawn


def _relabelled(labels: Path, tested: ScannedTest, slides: Sequence[str]) -> Mapping[str, bool]:
    """Slide → tumour by another table, isolated cells included; only of slides that it names."""
    rows = {row.slide: row.tumour for row in read_slide_labels(labels, tested.names).rows}
    return {name: rows[name] for name in slides if name in rows}
