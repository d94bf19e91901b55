"""The folder of a cross-validation: what is in it, when it is finished, and how it is taken up again."""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.errors import TrainingError
from sentinode.core.files import atomic_folder, sha256_of_json, write_json, write_text
from sentinode.core.result_folder import ResultKind, is_empty, locked
from sentinode.data.dataset import Dataset
from sentinode.metrics.crossval.fold_answers import FoldAnswers
from sentinode.metrics.crossval.permutation import PermutationTest
from sentinode.metrics.crossval.summary import OUT_OF_FOLD, CrossValidation, summarise
from sentinode.metrics.metric_table import shown_in
from sentinode.models.bundle_info import Headline
from sentinode.models.bundle_writer import library_versions
from sentinode.reports import wording
from sentinode.reports.crossval_csv import write_folds, write_out_of_fold
from sentinode.reports.crossval_page import write_crossval_page
from sentinode.reports.frame import Context
from sentinode.studies.crossval.crossval_data import copies_words
from sentinode.studies.crossval.crossval_recipe import AnyCrossvalRecipe, DeepCrossvalRecipe
from sentinode.studies.crossval.folds import Samples, plan_words
from sentinode.studies.crossval.nested_crossval import Tested

STATUS = "crossval.json"
_CROSSVAL_FOLDER = ResultKind("a cross-validation", (STATUS,))
_OF_ONE_FOLD = frozenset({"inner_folds", "temperature", "inner_score"})  # in folds.csv, and no choice to be counted


@dataclass(frozen=True)
class CrossvalResult:
    """Where a finished cross-validation's files are, and its figures."""

    folder: Path
    metrics: dict[str, Any]
    """The content of `metrics.json`."""

    text: str
    """The figures in a few lines."""

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        bundle = self.folder / "bundle"
        return {"folder": str(self.folder), "bundle": str(bundle) if bundle.is_dir() else None, **self.metrics}

    def summary(self) -> str:
        """A few lines for a person: the figures, and the paths of what to look at."""
        lines = [self.text, f"report    {self.folder / 'report' / 'report.html'}"]
        if (self.folder / "bundle").is_dir():
            lines.append(f"bundle    {self.folder / 'bundle'}")
        else:
            lines.append("no bundle: these features are not computed by a network that a bundle could hold")
        return "\n".join(lines)


def recipe_hash(recipe: AnyCrossvalRecipe) -> str:
    """SHA-256 of the resolved recipe."""
    return sha256_of_json(recipe.model_dump(mode="json"))


def finished(out: Path, recipe: AnyCrossvalRecipe) -> CrossvalResult | None:
    """The result that lies in `out`, if it is of this recipe and finished.

    Raises:
        StorageError: `out` holds something else.
        TrainingError: It holds the cross-validation of another recipe.
    """
    _CROSSVAL_FOLDER.check(out)
    if is_empty(out):
        return None
    status = json.loads((out / STATUS).read_text(encoding="utf-8"))
    if status["recipe_sha256"] != recipe_hash(recipe):
        raise TrainingError(
            f"{out} holds a cross-validation by another recipe ({out / 'recipe.toml'}); choose another --out, or "
            f"repeat that one with `sentinode crossval {out / 'recipe.toml'} --out {out}`"
        )
    if status["status"] != "finished":
        return None
    metrics = json.loads((out / "report" / "metrics.json").read_text(encoding="utf-8"))
    return CrossvalResult(out, metrics, status["summary"])


def lay_out(out: Path, recipe: AnyCrossvalRecipe, data: Dataset) -> None:
    """Make the folder, or check that one that was begun is of the same data.

    Raises:
        TrainingError: The data is no longer what it was.
    """
    if (out / STATUS).is_file():
        status = json.loads((out / STATUS).read_text(encoding="utf-8"))
        if status["data_sha256"] != data.manifest.hash:
            raise TrainingError(
                f"{recipe.data.source} is not what it was when {out} was begun; bring the old data back, or choose "
                "another --out"
            )
        return
    status = {"status": "started", "recipe_sha256": recipe_hash(recipe), "data_sha256": data.manifest.hash}
    with atomic_folder(out) as temporary:
        write_text(temporary / "recipe.toml", recipe.to_toml())
        data.manifest.save(temporary / "split.parquet")
        write_json(temporary / STATUS, status)


def alone_in(out: Path) -> AbstractContextManager[None]:
    """Two commands must not write into one folder.

    Raises:
        BusyError: On entering: another one does.
    """
    return locked(out / ".lock", f"is cross-validating into {out}")


def summarised(
    recipe: AnyCrossvalRecipe, data: Dataset, samples: Samples, answers: FoldAnswers, test: PermutationTest | None
) -> CrossValidation:
    """The figures of all folds, as the recipe wants them judged."""
    return summarise(
        answers,
        plan=plan_words(recipe.crossval, samples),
        bar=recipe.crossval.bar,
        permutation=test,
        targets=recipe.evaluation.targets,
        limits=copies_words(data),
        seed=recipe.seed,
    )


def conclude(
    out: Path,
    recipe: AnyCrossvalRecipe,
    data: Dataset,
    summary: CrossValidation,
    answers: FoldAnswers,
    tested: Sequence[Tested],
    *,
    model: str,
    procedure: Sequence[str],
) -> CrossvalResult:
    """Write the report, and mark the folder as finished.

    Args:
        out: The folder.
        recipe: What it was made by.
        data: The images.
        summary: The figures.
        answers: What they follow from.
        tested: The folds, for what was chosen in each.
        model: What was cross-validated, in short.
        procedure: What was done in every fold, as sentences.
    """
    details = [one.details for one in tested]
    context = Context(
        model=model,
        data=recipe.data.source,
        method=procedure,
        exclusions=data.manifest.excluded(),
        provenance={
            "Data (SHA-256)": data.manifest.hash,
            "Recipe (SHA-256)": recipe_hash(recipe),
            "Seed": str(recipe.seed),
            "Made with": wording.versions(library_versions()),
        },
        recipe=recipe.to_toml(),
    )
    with atomic_folder(out / "report") as temporary:
        write_json(temporary / "metrics.json", summary.to_json())
        write_folds(temporary / "folds.csv", summary.per_fold, details)
        write_out_of_fold(temporary / "predictions.csv", answers)
        chosen = () if isinstance(recipe, DeepCrossvalRecipe) else _chosen(details)
        write_crossval_page(summary, answers, context, temporary / "report.html", chosen=chosen)
    status = json.loads((out / STATUS).read_text(encoding="utf-8"))
    write_json(out / STATUS, {**status, "status": "finished", "summary": summary.summary()})
    return CrossvalResult(out, summary.to_json(), summary.summary())


def headline(summary: CrossValidation) -> Headline:
    """The cross-validated figures, for a bundle's card."""
    shown = {name: summary.metrics[name] for name in shown_in("cross-validated card") if name in summary.metrics}
    return Headline(split=f"{OUT_OF_FOLD} ({summary.plan})", n=summary.n, figures=shown)


def _chosen(details: Sequence[dict[str, Any]]) -> list[tuple[str, int]]:
    """Each combination of parameters, and in how many folds it was chosen."""
    texts = [", ".join(f"{k} = {v}" for k, v in row.items() if k not in _OF_ONE_FOLD) for row in details]
    return Counter(text for text in texts if text).most_common(8)
