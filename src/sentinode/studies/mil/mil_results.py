"""What a comparison of methods leaves behind: `report/` with its page, figures and every answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sentinode.core.csv_output import write_csv
from sentinode.core.files import atomic_folder, write_json
from sentinode.core.messages import plural
from sentinode.metrics.assessment import SCHEMA_VERSION
from sentinode.metrics.method_table import MethodTable
from sentinode.metrics.metric_table import metric_kind
from sentinode.models.bundle_writer import library_versions
from sentinode.reports import wording
from sentinode.reports.frame import Context
from sentinode.reports.mil_page import MilPage, write_mil_page
from sentinode.studies.mil.mil_choice import CRITERION
from sentinode.studies.mil.mil_figures import CHOSEN_INSIDE, MilFigures
from sentinode.studies.mil.mil_folder import REPORT
from sentinode.studies.mil.mil_recipe import DEFAULT, REFERENCE, MilRecipe
from sentinode.studies.mil.mil_slides import MilSlides, described

_SHOWN = ("auc", "sensitivity", "specificity", "log_loss")


def write_results(recipe: MilRecipe, slides: MilSlides, figures: MilFigures, out: Path) -> str:
    """Write `report/`; the figures in a few lines."""
    with atomic_folder(out / REPORT) as temporary:
        write_json(temporary / "metrics.json", _json(recipe, slides, figures))
        write_csv(temporary / "methods.csv", *_methods(figures))
        write_csv(temporary / "predictions.csv", _OUT_OF_FOLD, _out_of_fold(figures))
        if figures.held_out is not None:
            write_csv(temporary / "test-predictions.csv", _HELD_OUT, _held_out(figures))
        write_mil_page(_page(recipe, slides, figures), temporary / "report.html")
    return _summary(slides, figures)


_OUT_OF_FOLD = ("method", "repeat", "fold", "slide", "patient", "label", "p_tumour", "threshold", "called")
_HELD_OUT = ("method", "slide", "patient", "label", "p_tumour", "threshold", "called")


def _out_of_fold(figures: MilFigures) -> Iterator[list[object]]:
    for name, (_, answers) in figures.answers.items():
        if answers.thresholds is None:
            continue
        for repeat, (row, dealt) in enumerate(zip(answers.probabilities[:, :, 1], answers.folds, strict=True)):
            for place, slide in enumerate(answers.ids):
                threshold = answers.thresholds[repeat, dealt[place]]
                patient = "" if answers.groups is None else answers.groups[place]
                yield [
                    name, repeat + 1, dealt[place] + 1, slide, patient, answers.class_names[answers.labels[place]],
                    f"{row[place]:.9g}", f"{threshold:.9g}", answers.class_names[int(row[place] >= threshold)],
                ]  # fmt: skip


def _held_out(figures: MilFigures) -> Iterator[list[object]]:
    detection = {} if figures.held_out is None else figures.held_out.detection
    for name, (_, found, threshold) in detection.items():
        for place, slide in enumerate(found.ids):
            score, patient = found.scores[place], "" if found.groups is None else found.groups[place]
            yield [
                name, slide, patient, found.class_names[found.labels[place]], f"{score:.9g}", f"{threshold:.9g}",
                found.class_names[int(score >= threshold)],
            ]  # fmt: skip


def _methods(figures: MilFigures) -> tuple[list[str], Iterator[list[object]]]:
    """A row for each method and set of slides."""
    names = list(figures.crossval.rows[0].metrics)
    ends = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]

    def rows() -> Iterator[list[object]]:
        for split, table in (("out-of-fold", figures.crossval), ("test", figures.test)):
            for row in table.rows if table else ():
                values = (row.metrics[name] for name in names)
                yield [row.name, row.kind, split, *(end for m in values for end in (m.value, m.low, m.high))]

    return ["method", "kind", "split", *ends], rows()


def _json(recipe: MilRecipe, slides: MilSlides, figures: MilFigures) -> dict[str, Any]:
    attention = figures.attention
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "multiple-instance learning",
        "task": recipe.labels.task,
        "itc": recipe.labels.itc,
        "features": slides.encoder,
        "chosen": figures.choice.method,
        "chosen_by": CRITERION,
        "chosen_inside": figures.times,
        "cross_validation": figures.crossval.to_json(),
        "test": None if figures.test is None else figures.test.to_json(),
        "stages": [row.to_json() for row in figures.stages],
        "test_stages": [row.to_json() for row in figures.test_stages],
        "attention": [one.to_json() for one in attention.train],
        "test_attention": [one.to_json() for one in attention.test],
        "learning_curve": None if figures.curve is None else figures.curve.to_json(),
        "notes": [*figures.choice.notes(), *slides.notes, *attention.notes],
    }


def _page(recipe: MilRecipe, slides: MilSlides, figures: MilFigures) -> MilPage:
    crossval = recipe.crossval
    context = Context(
        data=slides.encoder,
        model="Slides with a label only",
        noun="slide",
        group_noun="patient",
        method=_method(recipe, slides),
        notes=(*figures.choice.notes(), *slides.notes, *figures.attention.notes),
        provenance={
            "Slides (SHA-256)": slides.sha256,
            "Recipe (SHA-256)": recipe.sha256,
            "Seed": str(recipe.seed),
            "Made with": wording.versions(library_versions()),
        },
        recipe=recipe.to_toml(),
    )
    return MilPage(
        context=context,
        task=recipe.labels.task,
        reference=REFERENCE,
        default=DEFAULT,
        chosen=figures.choice.method,
        chosen_inside=CHOSEN_INSIDE,
        times={str(method): number for method, number in figures.times.items()},
        folds=crossval.folds * crossval.repeats,
        crossval=figures.crossval,
        test=figures.test,
        answers=figures.answers[figures.choice.method][1],
        test_answers=None if figures.held_out is None else figures.held_out.detection[figures.choice.method][1],
        stages=figures.stages,
        test_stages=figures.test_stages,
        attention=figures.attention.train,
        test_attention=figures.attention.test,
        curve=figures.curve,
    )


def _method(recipe: MilRecipe, slides: MilSlides) -> list[str]:
    crossval, labels = recipe.crossval, recipe.labels
    itc = f" Isolated tumour cells count as: {labels.itc}." if labels.itc and labels.task == "detection" else ""
    by = "by patient" if slides.patients_known else "slide by slide, because no patients are known"
    return [
        f"Features of all tissue tiles: {slides.encoder}; nothing of them is learned here.{itc}",
        f"{crossval.folds} folds, stratified, {by}, dealt {plural(crossval.repeats, 'time')}. Every method has "
        "the same folds, the same validation slides inside each training part, and the same seed there.",
        f"Inside a training part {100 * recipe.mil.validation:g} % of the patients are held out: by them fitting is "
        "stopped, probabilities are calibrated, the threshold is chosen"
        + (", variants of the grid are compared" if crossval.grid else "")
        + f", and, for “{CHOSEN_INSIDE}”, the method. The fold's own slides are scored once.",
        f"The threshold's rule is {recipe.evaluation.threshold}.",
        f"The final choice is the method of least {CRITERION} on the training slides. It was written down with its "
        "calibration and threshold before the first test slide was scored."
        if slides.test
        else f"The final choice is the method of least {CRITERION}.",
    ]


def _summary(slides: MilSlides, figures: MilFigures) -> str:
    lines = [described(slides)]
    lines += _table("out of fold", figures.crossval, figures.choice.method)
    if figures.test is not None:
        lines += _table(f"test, {plural(figures.test.n, 'slide')}, seen once", figures.test, figures.choice.method)
    lines.append(f"chosen    {figures.choice.method}, by {CRITERION}")
    lines += [f"note      {note}" for note in figures.choice.notes()]
    for one in figures.attention.test or figures.attention.train:
        if one.method == figures.choice.method and one.hits is not None:
            hits = one.hits
            lines.append(f"attention touches an outlined lesion on {hits.hits} of slides; by chance {hits.chance:.3f}")
    return "\n".join(lines)


def _table(title: str, table: MethodTable, chosen: str) -> list[str]:
    head = "  ".join(f"{metric_kind(name).words:<20}" for name in _SHOWN)
    lines = [f"{title:<28}{head}".rstrip()]
    for row in table.rows:
        name = f"{row.name}{' *' if row.name == chosen else ''}"
        lines.append(f"  {name:<26}" + "  ".join(f"{row.metrics[figure]!s:<20}" for figure in _SHOWN).rstrip())
    return lines
