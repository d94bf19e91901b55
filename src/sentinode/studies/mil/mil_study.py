"""`sentinode mil`: every method on slides with a label only, the choice, the test, and a bundle of what was chosen."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sentinode.core.errors import DataNotFoundError, RecipeError
from sentinode.core.files import sha256_of_file, sha256_of_json, storage_errors, write_json
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.slides.annotations.annotation_folder import SUFFIXES
from sentinode.studies.mil.chosen_bundle import write_chosen
from sentinode.studies.mil.held_out_slides import answer_held_out
from sentinode.studies.mil.mil_answers import answers_of, best_variant
from sentinode.studies.mil.mil_choice import freeze
from sentinode.studies.mil.mil_figures import MilFigures, attention_of, staged, tabulate
from sentinode.studies.mil.mil_fits import FitSlides, run_fits
from sentinode.studies.mil.mil_folder import MilResult, alone_in, check_recipe, conclude, finished, lay_out
from sentinode.studies.mil.mil_plan import PlannedFit, plan_fits
from sentinode.studies.mil.mil_recipe import MilRecipe, load_mil_recipe
from sentinode.studies.mil.mil_results import write_results
from sentinode.studies.mil.mil_slides import MilSlides, labels_of, load_slides
from sentinode.studies.mil.slide_curve import trace_slide_curve
from sentinode.studies.slide_feature_study import write_slide_features


@dataclass(frozen=True, eq=False)
class _Job:
    """What is asked for, resolved."""

    recipe: MilRecipe
    slides: MilSlides
    out: Path
    annotations: Path | None
    traced: bool
    """Whether a learning curve is asked for."""
    settings: Settings
    progress: Progress


def mil(
    labels: str | Path,
    out: str | Path,
    *,
    features: str | Path | None = None,
    slides: Sequence[str | Path] = (),
    model: str = "pcam",
    recipe: str | Path | None = None,
    annotations: str | Path | None = None,
    learning_curve: bool = False,
    task: str | None = None,
    itc: str | None = None,
    by: str | None = None,
    encoder: str | None = None,
    methods: str | Sequence[str] | None = None,
    folds: int | None = None,
    repeats: int | None = None,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    tell: Callable[[str], None] | None = None,
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> MilResult:
    """Compare all methods on slides of which only a label is known.

    Stopped at any moment, the same call goes on: every fit is kept, and the result is the same to the byte.

    Args:
        labels: CSV slide,label[,patient][,split], or CAMELYON17's patient,stage.
        out: Folder for the result.
        features: Folder of bags. With `slides`, they are written there first; None: beside `out`.
        slides: Whole slides, or folders of them, whose features are computed first.
        model: The bundle, or its name, that gives features of slides.
        recipe: Path of a TOML file; None: the defaults.
        annotations: Folder with outlines of lesions, to hold attention against.
        learning_curve: Fit the chosen method to parts of the slides, too.
        task: `labels.task` of the recipe.
        itc: `labels.itc`.
        by: `labels.by`.
        encoder: `labels.encoder`.
        methods: `crossval.methods`; in one text with commas.
        folds: `crossval.folds`.
        repeats: `crossval.repeats`.
        seed: `seed`.
        overrides: `key.path=value`, over all of these.
        tell: Called with a line for each of `slides` as its features are there, and with why others have none.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.

    Raises:
        RecipeError: The recipe is not as it should be, or a class has fewer patients than there are folds.
        DataError: The table, the features or the annotations are not as they should be.
        TrainingError: `out` holds another comparison, or a loss is not finite.
        EvaluationError: The threshold's rule can't be met.
    """
    named = methods.split(",") if isinstance(methods, str) else methods
    values = {
        "labels.task": task, "labels.itc": itc, "labels.by": by, "labels.encoder": encoder,
        "crossval.methods": None if named is None else [method.strip() for method in named],
        "crossval.folds": folds, "crossval.repeats": repeats, "seed": seed,
    }  # fmt: skip
    loaded = load_mil_recipe(None if recipe is None else str(recipe), overrides, values)
    out = Path(out)
    check_recipe(out, loaded)
    settings = settings or Settings.from_environment()
    with _going_on("what was finished is kept"):
        bags = _bags(features, slides, model, out, settings, progress, tell)
    found = load_slides(bags, Path(labels), loaded.labels)
    where = None if annotations is None else Path(annotations)
    asked = {"annotations": None if where is None else _sha256_of_outlines(where), "learning_curve": learning_curve}
    job = _Job(loaded, found, out, where, learning_curve, settings, progress)
    planned = plan_fits(loaded, found)
    lay_out(out, loaded, found)
    if (done := finished(out, asked)) is not None:
        return done
    with _going_on("every fit is kept"), alone_in(out), storage_errors(out):
        figures = _figures(job, planned)
        write_chosen(loaded, found, figures, planned, model, out)
        summary = write_results(loaded, found, figures, out)
        return conclude(out, loaded, found, asked, summary)


@contextmanager
def _going_on(kept: str) -> Iterator[None]:
    """Say to whoever stops it that the same command goes on."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(f"{kept}: the same command goes on") from error


def _bags(
    features: str | Path | None,
    slides: Sequence[str | Path],
    model: str,
    out: Path,
    settings: Settings,
    progress: Progress,
    tell: Callable[[str], None] | None,
) -> Path:
    """The folder of bags; those of `slides` are made first."""
    if features is None and not slides:
        raise RecipeError("neither slides nor features are named; give --slides DIR, or --features DIR")
    folder = out.with_name(f"{out.name}-features") if features is None else Path(features)
    if slides:
        made = write_slide_features(model, slides, folder, settings=settings, progress=progress, tell=tell)
        if tell:
            for line in made.warnings():
                tell(line)
    return folder


def _sha256_of_outlines(folder: Path) -> str:
    """Of what may be annotations in a folder: a finished comparison knows by it whether they are still the same."""
    if not folder.is_dir():
        raise DataNotFoundError(f"{folder} is not a folder of annotations; check the path")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    return sha256_of_json([[path.name, sha256_of_file(path)] for path in files])


def _figures(job: _Job, planned: Sequence[PlannedFit]) -> MilFigures:
    recipe, slides, jobs = job.recipe, job.slides, job.settings.threads
    shared = FitSlides(slides.train, len(slides.class_names), recipe.labels.encoder)
    records = run_fits([one.task for one in planned], shared, job.out, jobs=jobs, progress=job.progress)
    rule, labels = recipe.evaluation.threshold, labels_of(slides.train)
    answers, inside, times = answers_of(planned, records, slides, rule)
    configs = {method: recipe.variants(method)[best_variant(planned, records, method, labels)] for method in answers}
    choice = freeze(answers, configs, slides, rule)
    write_json(job.out / "choice.json", choice.to_json())  # before a test slide is looked at
    held_out = answer_held_out(recipe, slides, choice, job.out, jobs=jobs, progress=job.progress)
    rows, crossval, test = tabulate(recipe, slides, answers, inside, held_out)
    stages, test_stages = staged(recipe, slides, answers, held_out)
    attention = attention_of(recipe, slides, planned, records, held_out, job.annotations)
    curve = None
    if job.traced:
        curve = trace_slide_curve(recipe, slides, choice, planned, job.out, jobs=jobs, progress=job.progress)
    return MilFigures(choice, times, rows, held_out, crossval, test, stages, test_stages, attention, curve)
