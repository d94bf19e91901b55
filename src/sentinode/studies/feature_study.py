"""`sentinode features`: what a frozen network, or a classical descriptor, makes of images or of slides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentinode.core.errors import SentinodeError
from sentinode.core.messages import plural
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.data.dataset import load_dataset
from sentinode.training.features.extraction import extract
from sentinode.training.features.feature_recipe import load_features_recipe
from sentinode.training.features.feature_table import FeatureTable, check_place

if TYPE_CHECKING:
    from sentinode.studies.slide_feature_study import SlideFeatures


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

    def warnings(self) -> list[str]:
        """Nothing: images with a fault are an error, or left out by the checks of data."""
        return []

    def summary(self) -> str:
        """A line for a person."""
        table = self.table
        return (
            f"{plural(len(table), 'image')} × {plural(len(table.columns), 'feature')} of "
            f"{table.space.name} in {self.path}"
        )


def features(
    name: str,
    out: str | Path,
    *,
    data: str | None = None,
    slides: Sequence[str | Path] = (),
    overrides: Sequence[str] = (),
    engine: str = "auto",
    tell: Callable[[str], None] | None = None,
    tissue: bool = True,
    settings: Settings | None = None,
    progress: Progress = SILENT,
    **of_slides: Any,
) -> "FeatureFile | SlideFeatures":
    """The features of labelled images, or of slides: exactly one of `data` and `slides` is given.

    Args:
        name: As for `write_features` and `write_slide_features`.
        out: A Parquet file for images, a folder for slides.
        data: The address of labelled images.
        slides: Slide files, or folders that hold them.
        overrides: Values of the recipe.
        engine: `auto`, `openvino` or `torch`.
        tell: Called with a line for each slide as its outcome is known.
        tissue: Whether slides' tiles are of tissue only.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.
        of_slides: What else `write_slide_features` takes; None: as it comes.

    Raises:
        SentinodeError: Both are given, or neither, or something for slides beside `data`; and see there.
    """
    given = {option: value for option, value in of_slides.items() if value is not None}
    if (data is None) == (not slides):
        raise SentinodeError("features are of labelled images or of slides; give exactly one of --data and --slides")
    if data is None:
        from sentinode.studies.slide_feature_study import write_slide_features

        given |= {} if tissue else {"tissue": None}
        return write_slide_features(
            name, slides, out, overrides=overrides, engine=engine, tell=tell, settings=settings, progress=progress,
            **given,
        )  # fmt: skip
    if given or not tissue:
        wrong = min([*given, *([] if tissue else ["no-tissue"])])
        raise SentinodeError(f"--{wrong.replace('_', '-')} is of slides; leave it out with --data")
    return write_features(name, data, out, overrides=overrides, engine=engine, settings=settings, progress=progress)


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
