"""What a learning curve is about to train: its model, its draws, and the folder that it can be gone on with in."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import RecipeError, StorageError
from sentinode.core.files import sha256_of_json, write_json
from sentinode.core.result_folder import ResultKind, locked
from sentinode.data.dataset import Dataset
from sentinode.metrics.learning_curve import CurvePoint
from sentinode.studies.baselines.training_subsets import check_enough, draw
from sentinode.studies.crossval.crossval_recipe import CrossvalRecipe, DeepCrossvalRecipe, load_crossval_recipe
from sentinode.training.classical.classifier_config import ClassicalModel
from sentinode.training.recipe import Recipe

PLAN_FILE = "plan.json"
_CURVE_FOLDER = ResultKind("a learning curve", (PLAN_FILE,))
POINTS = "points"
POINT_FILE = "point.json"


Task = CrossvalRecipe | Recipe
"""A classical model on features (of its recipe, `crossval.inner_folds` alone matters of that table), or a network."""


def load_task(name: str, address: str, overrides: Sequence[str]) -> Task:
    """What is to be trained.

    Args:
        name: As for `load_crossval_recipe`: a recipe; or what gives features to a classical model.
        address: The data's.
        overrides: `key.path=value`.

    Raises:
        RecipeError: No such recipe, an unknown key, a wrong type or values that contradict each other.
    """
    if name in get_args(ClassicalModel):
        raise RecipeError(
            f"{name} is a classical model; name what it learns from and then the model, as in "
            f"`sentinode learning-curve colour --set classifier.model={name}`"
        )
    recipe = load_crossval_recipe(name, source=address, overrides=overrides)
    return recipe.of_training() if isinstance(recipe, DeepCrossvalRecipe) else recipe


@dataclass(frozen=True, eq=False)
class Draw:
    """The training images of one point."""

    fraction: float
    seed: int
    index: NDArray[np.int64]
    """Places among the training images, ascending."""

    @property
    def folder(self) -> str:
        """Name of the point's folder."""
        return f"fraction-{self.fraction!r}-seed-{self.seed}"


def parse_fractions(text: str) -> tuple[float, ...]:
    """`0.01,0.05,0.2,1` as ascending numbers.

    Raises:
        RecipeError: Not numbers, outside (0, 1], or one twice.
    """
    try:
        fractions = sorted(float(part) for part in text.split(","))
    except ValueError as error:
        raise RecipeError(f"--fractions {text!r} are not numbers; write them like 0.01,0.05,0.2,1") from error
    wrong = [value for value in fractions if not 0 < value <= 1]
    if wrong:
        raise RecipeError(f"--fractions has {wrong[0]:g}; each is a share of the training images, above 0, at most 1")
    if len(set(fractions)) < len(fractions):
        raise RecipeError(f"--fractions {text!r} has one twice; name each once")
    return tuple(fractions)


def draws_of(data: Dataset, fractions: Sequence[float], seeds: int) -> list[Draw]:
    """Every point's training images, small fractions first.

    Raises:
        EvaluationError: A draw leaves fewer than two images of a class.
    """
    labels, groups = data.manifest.labels("train"), data.manifest.groups("train")
    found = []
    for fraction in fractions:
        for seed in range(seeds):
            index = draw(labels, groups, fraction, seed)
            check_enough(labels[index], data.manifest.class_names, f"fraction {fraction:g} (seed {seed})")
            found.append(Draw(fraction, seed, index))
    return found


def part_of(data: Dataset, one: Draw) -> Dataset:
    """`data` with the drawn training images, and all others as they are."""
    manifest = data.manifest
    kept = np.ones(len(manifest.table), dtype=bool)
    places = np.flatnonzero((manifest.table["split"] == "train").to_numpy())
    kept[np.delete(places, one.index)] = False
    return replace(data, manifest=replace(manifest, table=manifest.table[kept].reset_index(drop=True)))


@contextmanager
def curve_folder(out: Path, task: Task, data: Dataset, features: str) -> Iterator[None]:
    """Make the folder, or go on in one of the same curve; nobody else may at the same time.

    Args:
        out: The folder.
        task: What is trained.
        data: The data set.
        features: SHA-256 of the feature space; empty for a network that is trained.

    Raises:
        StorageError: It holds something else, or another process works in it.
    """
    plan = {"recipe": _identity(task), "data_sha256": data.manifest.hash, "features_sha256": features}
    _check_folder(out, sha256_of_json(plan))
    with locked(out / ".lock", f"works on the learning curve in {out}"):
        if not (out / PLAN_FILE).exists():
            write_json(out / PLAN_FILE, {**plan, "sha256": sha256_of_json(plan)})
        yield


def finished_points(out: Path) -> dict[str, CurvePoint]:
    """The points that a curve's folder has, by the names of their folders."""
    files = sorted((out / POINTS).glob(f"*/{POINT_FILE}"))
    return {path.parent.name: CurvePoint.from_json(json.loads(path.read_text(encoding="utf-8"))) for path in files}


def _identity(task: Task) -> dict[str, Any]:
    """What two curves must have in common to be one; the data goes by its own hash."""
    values = task.model_dump(mode="json", exclude={"data", "name", "description"})
    if isinstance(task, CrossvalRecipe):
        values["crossval"] = {"inner_folds": task.crossval.inner_folds}
    return values


def _check_folder(out: Path, sha256: str) -> None:
    _CURVE_FOLDER.check(out)
    plan = out / PLAN_FILE
    if plan.is_file() and json.loads(plan.read_text(encoding="utf-8")).get("sha256") != sha256:
        raise StorageError(
            f"{out} holds the learning curve of another model, of other settings or of other data; choose another --out"
        )
