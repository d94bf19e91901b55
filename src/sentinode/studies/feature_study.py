"""`sentinode features`: what a frozen network, or a classical descriptor, makes of every image of a data set."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.messages import plural
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.data.dataset import load_dataset
from sentinode.training.features.extraction import extract
from sentinode.training.features.feature_recipe import load_features_recipe
from sentinode.training.features.feature_table import FeatureTable, check_place


@dataclass(frozen=True, eq=False)
class FeatureFile:
    """A table of features, and the file that holds it."""

    path: Path
    table: FeatureTable

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        table, space = self.table, self.table.space
        return {
            "file": str(self.path),
            "images": len(table),
            "features": len(table.columns),
            "scores": list(table.score_names),
            "classes": list(table.class_names),
            "space": {"kind": space.kind, "name": space.name, "sha256": space.sha256},
            "data_sha256": table.data_sha256,
        }

    def summary(self) -> str:
        """A line for a person."""
        table = self.table
        return (
            f"{plural(len(table), 'image')} × {plural(len(table.columns), 'feature')} of "
            f"{table.space.name} in {self.path}"
        )


def write_features(
    name: str,
    data: str,
    out: str | Path,
    *,
    overrides: Sequence[str] = (),
    engine: str = "auto",
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> FeatureFile:
    """Write the features of every image to a Parquet table: id, path, group, label, split, p_CLASS…, features.

    What was computed is kept in the cache; stopped, the same call goes on where it was.

    Args:
        name: A bundle (folder or shipped name), an architecture, or `pixels`, `colour` or `texture`.
        data: The data's address.
        out: The Parquet file; a table of features that is there is replaced.
        overrides: `data.key=value`, `features.key=value`.
        engine: `auto`, `openvino` or `torch`.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.

    Raises:
        RecipeError: There is no such model, or a key or value is wrong.
        DataError: The data is not what it must be.
        StorageError: `out` holds something else.
    """
    out, settings = Path(out), settings or Settings.from_environment()
    recipe = load_features_recipe(name, source=data, overrides=overrides)
    check_place(out)
    images = load_dataset(recipe.data, cache=settings.cache, progress=progress)
    table = extract(recipe.features, images, settings=settings, progress=progress, engine=engine)
    table.save(out)
    return FeatureFile(out, table)
