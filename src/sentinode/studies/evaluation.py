"""A bundle measured on labelled data: one figure set, one report, the same at the end of training and ever after."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sentinode.core.files import atomic_folder, write_json
from sentinode.core.progress import SILENT, Progress
from sentinode.core.result_folder import ResultKind
from sentinode.core.settings import Settings
from sentinode.data.dataset import Dataset
from sentinode.data.manifest import Manifest
from sentinode.data.normalised_images import NormalisedImages
from sentinode.data.selection import WHOLE
from sentinode.metrics.assessment import Assessment, assess
from sentinode.metrics.predictions import Predictions
from sentinode.metrics.predictions_csv import write_predictions
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.bundle_info import GRAPH_FILE
from sentinode.models.engines.engine_factory import open_engine
from sentinode.models.engines.stain_engine import without_stain
from sentinode.reports import wording
from sentinode.reports.assessment_page import ReportContext, write_assessment_page
from sentinode.reports.charts.chart import save_png
from sentinode.reports.charts.training_charts import training_curves
from sentinode.studies.bundle_recipe import recipe_of, recipe_text
from sentinode.studies.error_saliency import error_maps
from sentinode.studies.measured_split import MeasuredSplit, load_split
from sentinode.training.calibration_fit import predictions_of

ASSESSMENT_FOLDER = ResultKind("an earlier result", ("metrics.json", "comparison.json", "baselines.json"))


@dataclass(frozen=True)
class Scored:
    """Labelled images with a bundle's answers."""

    data: Dataset
    """Holds them, and perhaps more."""

    split: str
    """The split in `data` whose images were scored."""

    address: str
    """Where they come from, as the user named it."""

    predictions: Predictions
    """The answers, in the manifest's order."""

    kept: Counter[str] = field(default_factory=Counter)
    """Images whose stain was not normalised because it can't be told, by reason; none where no stain is."""


def evaluate_bundle(
    name: str | Path,
    address: str,
    out: str | Path,
    *,
    split: str = "test",
    overrides: Sequence[str] = (),
    engine: str = "auto",
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> Assessment:
    """Measure a bundle on labelled data, at its own frozen threshold; `sentinode.evaluate` says what each argument is.

    Writes `metrics.json`, `predictions.csv` and `report.html` into `out`, in the place of an earlier result.

    Raises:
        DataError: The data is not what it must be, or does not have the split.
        LeakError: The bundle has learned from images of this split, or set its threshold on them.
    """
    out, settings = Path(out), settings or Settings.from_environment()
    bundle = open_bundle(name)
    ASSESSMENT_FOLDER.check(out)
    measured = load_split(bundle, address, split, overrides, settings, progress)
    scored = score(bundle, measured.data, measured.split, address, engine, settings, progress)
    return report_on(bundle, scored, out, measured=measured)


def score(
    bundle: Bundle, data: Dataset, split: str, address: str, engine: str, settings: Settings, progress: Progress
) -> Scored:
    """Run a bundle over the images of a split, in the manifest's order."""
    runner = open_engine(bundle, engine, threads=settings.threads)
    title, target = f"scoring {split}", bundle.info.input.stain
    if target is None:
        images = data.seen_images(split, context=bundle.info.input.context)
        probabilities, kept = runner.probabilities(images, progress, title), Counter[str]()
    else:  # here slides may be known, which an engine that sees one image after another does not ask for
        normalised = NormalisedImages(data, split, target)
        probabilities, kept = without_stain(runner).probabilities(normalised, progress, title), normalised.kept
    return Scored(data, split, address, predictions_of(data.manifest, split, probabilities), kept)


def report_on(
    bundle: Bundle,
    scored: Scored,
    out: Path,
    *,
    measured: MeasuredSplit,
    log: Sequence[dict[str, float]] = (),
    best_epoch: int | None = None,
) -> Assessment:
    """Assess what was scored, and write it into `out`, whole or not at all.

    Args:
        bundle: What scored it: its threshold, band and targets are used as they are.
        scored: From `score`.
        out: Gets `metrics.json`, `predictions.csv`, `report.html`, and `curves.png` when there is a log.
        measured: What was scored, and how it was chosen.
        log: The rows of the training log, for a report at the end of training.
        best_epoch: The epoch whose weights were kept, when it was chosen by validation.
    """
    info, manifest = bundle.info, scored.data.manifest
    limits = info.limits if measured.own else ()
    if measured.known:
        words = f"The model has {measured.known} {measured.name}: these figures are not what it reaches on new images."
        limits = (*limits, words)
    copies = int(manifest.table.loc[manifest.table["split"] == scored.split, "copies"].notna().sum())
    if copies:
        words = f"{copies:,} of these images have near copies among the data; figures and intervals count each as new."
        limits = (*limits, words)
    if not scored.data.near_copies:
        limits = (*limits, "Near copies were not looked for (data.near_copies = false): some may lie on two sides.")
    if scored.kept:
        count, n = sum(scored.kept.values()), len(scored.predictions.ids)
        why = ", ".join(f"{reason}: {number:,}" for reason, number in scored.kept.most_common())
        limits = (*limits, f"The stain of {count:,} of {n:,} images could not be told, and stayed as it was ({why}).")
    assessment = assess(
        scored.predictions,
        threshold=info.threshold,
        band=info.low_confidence,
        temperature=info.temperature,
        targets=recipe_of(bundle).evaluation.targets,
        split=measured.name,
        chosen=measured.how,
        limits=limits,
    )
    images = scored.data.images(scored.split)
    maps, words = error_maps(bundle, images.__getitem__)
    context = ReportContext(
        model=info.name,
        data=scored.address,
        grouping=None if measured.name == WHOLE else manifest.grouping,
        exclusions=manifest.excluded(),
        provenance=_provenance(bundle, manifest),
        recipe=recipe_text(bundle),
        log=log,
        best_epoch=best_epoch,
        maps_words=words,
        card=() if measured.own else info.limits,
    )
    with atomic_folder(out) as temporary:
        write_json(temporary / "metrics.json", assessment.to_json())
        threshold = info.threshold.value if info.threshold else None
        write_predictions(temporary / "predictions.csv", scored.predictions, threshold, info.low_confidence)
        page = temporary / "report.html"
        write_assessment_page(assessment, scored.predictions, context, page, images.__getitem__, maps)
        if log:
            save_png(training_curves(log, best_epoch=best_epoch), temporary / "curves.png")
    return assessment


def _provenance(bundle: Bundle, manifest: Manifest) -> dict[str, str]:
    origin = bundle.info.provenance
    return {
        "Model graph (SHA-256)": bundle.info.files[GRAPH_FILE],
        "Assessed data (SHA-256)": manifest.hash,
        "Training data (SHA-256)": origin.data_sha256,
        "Training split (SHA-256)": origin.split_sha256,
        "Recipe (SHA-256)": origin.recipe_sha256,
        "Made with": wording.versions(origin.libraries),
    }
