"""The end of a comparison: the chosen method fitted to all training slides, as a slide bundle."""

from collections.abc import Sequence
from pathlib import Path

from sentinode.core.errors import BundleError
from sentinode.core.files import sha256_of_json
from sentinode.metrics.metric_table import shown_in
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.bundle_info import Headline
from sentinode.models.extractor import space_of
from sentinode.studies.mil.held_out_slides import final_seed
from sentinode.studies.mil.mil_figures import MilFigures
from sentinode.studies.mil.mil_fits import one_thread
from sentinode.studies.mil.mil_plan import PlannedFit
from sentinode.studies.mil.mil_recipe import MilRecipe
from sentinode.studies.mil.mil_slides import MilSlides, described, labels_of, patients_of

_LIMITS = (
    "The figures are of cross-validation: every model behind them learned from a part of the slides. This one learned "
    "from all training slides.",
    "Attention is a share of the answer, no probability of tumour.",
)


def write_chosen(
    recipe: MilRecipe, slides: MilSlides, figures: MilFigures, planned: Sequence[PlannedFit], model: str, out: Path
) -> None:
    """Write `bundle/`.

    Args:
        recipe: The comparison's.
        slides: The slides.
        figures: The choice, and its cross-validated figures for the card.
        planned: The fits, for the hash of the folds.
        model: The bundle that the features may be of; it is packed in where they are.
        out: The comparison's folder.
    """
    from sentinode.training.mil.mil_bundle import SlideModelFacts, bundle_aggregator
    from sentinode.training.mil.mil_fit import fit_aggregator

    chosen, method = figures.choice.chosen, figures.choice.method
    bags, classes = [slide.bag for slide in slides.train], len(slides.class_names)
    with one_thread():
        fitted = fit_aggregator(
            chosen.config, bags, labels_of(slides.train), patients_of(slides.train), classes=classes,
            seed=final_seed(recipe),
        )  # fmt: skip
    row = figures.crossval.row(method)
    shown = {name: row.metrics[name] for name in shown_in("cross-validated card") if name in row.metrics}
    folds = [[one.fold.repeat, one.fold.number, one.fold.test.tolist()] for one in planned]
    facts = SlideModelFacts(
        name=recipe.name or f"slides-{method}",
        description=recipe.description,
        classes=slides.class_names,
        label_rule=_label_rule(recipe),
        features=bags[0].facts.space,
        grid=bags[0].facts.grid,
        data_sha256=slides.sha256,
        split_sha256=sha256_of_json(folds),
        trained_on=described(slides),
        metrics=Headline(split="out-of-fold", n=figures.crossval.n, figures=shown),
        limits=(*figures.choice.notes(), *_LIMITS),
    )
    bundle_aggregator(
        out / "bundle", chosen.config, fitted.aggregator, chosen.calibrated, facts, seed=final_seed(recipe),
        tiles=_tile_bundle(model, slides),
    )  # fmt: skip


def _label_rule(recipe: MilRecipe) -> str:
    if recipe.labels.task == "stage":
        return "the class of the largest metastasis: negative, isolated tumour cells, micro, macro"
    itc = {"positive": "count as tumour", "negative": "count as none", "exclude": "were left out"}
    said = f"; isolated tumour cells {itc[recipe.labels.itc]}" if recipe.labels.itc else ""
    return f"any metastasis, as the table of labels has it{said}"


def _tile_bundle(model: str, slides: MilSlides) -> Bundle | None:
    """The bundle of that name, if the slides' features are its own."""
    try:
        bundle = open_bundle(model)
    except BundleError:
        return None
    return bundle if space_of(bundle) == slides.train[0].bag.facts.space else None
