"""CAMELYON17: the pN stage of each patient from scans of its slides, by quadratic kappa, with both label sets."""

from collections.abc import Mapping
from pathlib import Path

from sentinode.core.errors import DataError
from sentinode.core.messages import plural, some
from sentinode.core.metric import Metric
from sentinode.core.node_classes import SLIDE_CLASSES, SlideClass
from sentinode.data.patient_table import Patients, read_patients
from sentinode.data.slide_labels import read_slide_labels
from sentinode.metrics.measures.intervals import rate
from sentinode.metrics.stages import pn_stage, quadratic_kappa
from sentinode.slides.annotations.camelyon import centre_of
from sentinode.studies.cohort.stage_study import stage_scans
from sentinode.studies.protocols.protocol_result import OUT_FOLDER, Figures, ProtocolResult, wrong_layout
from sentinode.studies.protocols.published import CAMELYON17
from sentinode.studies.protocols.scanned_test import ScannedTest, class_accuracy, read_scanned_test, tumour_recalls

_TABLES = ("stage_labels.csv", "stages.csv", "training/stage_labels.csv", "training/stages.csv")


def measure_camelyon17(
    scans: str | Path,
    root: str | Path,
    out: str | Path,
    *,
    labels: str | Path | None = None,
    least_score: float = 0.0,
) -> ProtocolResult:
    """Stage CAMELYON17's labelled patients from scans: quadratic kappa, also by hospital, and slide figures.

    Args:
        scans: Folder with the scans of every slide of the table, and of no others.
        root: The data set's folder, with `stage_labels.csv` or `stages.csv`.
        out: Gets `protocol.json` and, in `stages/`, the page of the stages.
        labels: Other labels of the same slides, such as those of CAMELYON+: a table slide,label with negative, itc,
            micro, macro. Patients all of whose slides have a line are staged by them; their kappa stands beside.
        least_score: Lesions whose highest score is below it don't count. Choose it on other patients.

    Raises:
        DataError: The layout is another one; the message says what was looked for and what was found. Or a slide was
            not scanned.
    """
    scans, root, out = Path(scans), Path(root), Path(out)
    OUT_FOLDER.check(out)
    table = next((root / name for name in _TABLES if (root / name).is_file()), None)
    if table is None:
        raise wrong_layout(CAMELYON17, root)
    tested = read_scanned_test(scans)
    known = read_patients(table, tested.names)
    _check_table(table, known)
    tested.require(known.of_slide)
    tested.refuse_others(known.of_slide, f"{table} has no line of them: give a folder with scans of its slides alone")
    found = stage_scans(scans, table, out / "stages", least_score=least_score)
    staged = {who: stage for who, stage in found.stages.items() if stage != "not assessed"}
    classes = tested.classes(least_score)
    figures: dict[str, Figures] = {"original labels": _figures(known.stages, staged, known.classes, tested, classes)}
    for centre, truth in sorted(_by_centre(known.stages).items()):
        figures[f"original labels, centre {centre}"] = {"kappa": _kappa(truth, staged)}
    notes = [*tested.not_assessed]
    if unstaged := sorted(known.stages.keys() - staged.keys()):
        notes.append(f"Without a stage, left out of kappa: {some(unstaged)}.")
    if labels is not None:
        other = _relabelled(Path(labels), tested)
        stages = _staged_by(other, known)
        figures["corrected labels"] = _figures(stages, staged, other, tested, classes)
        changed = sorted(name for name in other if known.classes.get(name) != other[name])
        notes.append(f"Labels that were corrected: {some(changed) or 'none'}.")
        notes.append(f"{plural(len(stages), 'patient')} could be staged by corrected labels.")
    page = out / "stages" / "stages.html"
    return ProtocolResult(out, CAMELYON17, len(known.stages), figures, tuple(notes), (page,)).save()


def _check_table(table: Path, known: Patients) -> None:
    if not known.stages or not known.classes:
        raise DataError(
            f"{table} has no stages of patients or no classes of slides; CAMELYON17's own has rows patient_000.zip,pN1 "
            "and patient_000_node_0.tif,macro"
        )


def _figures(
    stages: Mapping[str, str],
    staged: Mapping[str, str],
    truth: Mapping[str, str],
    tested: ScannedTest,
    classes: Mapping[str, SlideClass],
) -> Figures:
    """Kappa and accuracy of stages; of slides the accuracy of classes, what was found of each, and the AUC."""
    patients = [who for who in stages if who in staged]
    right = sum(stages[who] == staged[who] for who in patients)
    return {
        "kappa": _kappa(stages, staged),
        "stage_accuracy": rate(right, len(patients), "no patient was staged"),
        "slide_class_accuracy": class_accuracy(truth, classes),
        **tumour_recalls(truth, classes),
        "slide_auc": tested.slide_auc({slide: of != SLIDE_CLASSES[0] for slide, of in truth.items()}),
    }


def _kappa(stages: Mapping[str, str], staged: Mapping[str, str]) -> Metric:
    patients = [who for who in stages if who in staged]
    if not patients:
        return Metric.undefined("no patient was staged")
    return quadratic_kappa([stages[who] for who in patients], [staged[who] for who in patients])


def _by_centre(stages: Mapping[str, str]) -> dict[int, dict[str, str]]:
    """Stages by hospital; of patients whose name says it."""
    found: dict[int, dict[str, str]] = {}
    for who, stage in stages.items():
        centre = centre_of(who)
        if centre is not None:
            found.setdefault(centre, {})[who] = stage
    return found


def _relabelled(labels: Path, tested: ScannedTest) -> dict[str, str]:
    """Slide → class by another table, of slides that were scanned."""
    rows = read_slide_labels(labels, tested.names).of_task("stage", None)
    return {slide: SLIDE_CLASSES[number] for slide, number in rows[1].items() if slide in tested.scans}


def _staged_by(classes: Mapping[str, str], known: Patients) -> dict[str, str]:
    """The pN stage of every patient of whom all slides have a class."""
    slides: dict[str, list[str]] = {}
    for slide, who in known.of_slide.items():
        slides.setdefault(who, []).append(slide)
    return {who: pn_stage([classes[one] for one in own]) for who, own in slides.items() if set(own) <= classes.keys()}
