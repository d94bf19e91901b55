"""The folder of a comparison of methods: whose it is, when it is finished, and how it is taken up again."""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.errors import TrainingError
from sentinode.core.files import atomic_folder, write_json, write_text
from sentinode.core.result_folder import ResultKind, is_empty, locked
from sentinode.studies.mil.mil_fits import FITS_FOLDER
from sentinode.studies.mil.mil_recipe import MilRecipe
from sentinode.studies.mil.mil_slides import MilSlides

STATUS = "mil.json"
REPORT = "report"
_KIND = ResultKind("a comparison of methods on slides", (STATUS,))


@dataclass(frozen=True)
class MilResult:
    """Where a finished comparison's files are, and its figures."""

    folder: Path
    metrics: dict[str, Any]
    """The content of `report/metrics.json`."""
    text: str
    """The figures in a few lines."""

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / REPORT / "report.html"

    @property
    def bundle(self) -> Path | None:
        """The chosen method, fitted to all training slides."""
        return self.folder / "bundle" if (self.folder / "bundle").is_dir() else None

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        return {"folder": str(self.folder), "bundle": str(self.bundle) if self.bundle else None, **self.metrics}

    def summary(self) -> str:
        """A few lines for a person: the figures, and the paths of what to look at."""
        lines = [self.text, f"report    {self.report}"]
        return "\n".join([*lines, *([f"bundle    {self.bundle}"] if self.bundle else [])])


def check_recipe(out: Path, recipe: MilRecipe) -> None:
    """Refuse a folder that holds something else, before anything is computed.

    Raises:
        StorageError: `out` holds something else.
        TrainingError: It holds the comparison by another recipe.
    """
    _KIND.check(out)
    if is_empty(out):
        return
    if _read(out)["recipe_sha256"] != recipe.sha256:
        raise TrainingError(
            f"{out} holds a comparison by another recipe ({out / 'recipe.toml'}); choose another --out, or repeat that "
            f"one with `sentinode mil {out / 'recipe.toml'}` and the same --out"
        )


def finished(out: Path, asked: Mapping[str, Any]) -> MilResult | None:
    """The result that lies in `out`, if all that is asked for is in it; `lay_out` has seen that its slides are these.

    Args:
        out: The folder.
        asked: What was asked for beside the recipe, such as a learning curve.
    """
    status = _read(out)
    if status["status"] != "finished" or status["asked"] != dict(asked):
        return None
    metrics = json.loads((out / REPORT / "metrics.json").read_text(encoding="utf-8"))
    return MilResult(out, metrics, status["summary"])


def lay_out(out: Path, recipe: MilRecipe, slides: MilSlides) -> None:
    """Make the folder, or check that one that was begun is of the same slides.

    Raises:
        TrainingError: Slides, labels, features or the bundle of `mil.start` are no longer what they were.
        BundleError: The bundle of `mil.start` can't be read.
    """
    begun = _status(recipe, slides)
    if (out / STATUS).is_file():
        status = _read(out)
        for key, what in (
            ("slides_sha256", "slides, labels or features"),
            ("start_sha256", "slide bundle of mil.start"),
        ):
            if status[key] != begun[key]:
                raise TrainingError(
                    f"the {what} at hand differ from those that {out} was begun with; bring the old ones back, or "
                    "choose another --out"
                )
        return
    with atomic_folder(out) as temporary:
        (temporary / FITS_FOLDER).mkdir()
        write_text(temporary / "recipe.toml", recipe.to_toml())
        write_json(temporary / STATUS, begun)


def conclude(out: Path, recipe: MilRecipe, slides: MilSlides, asked: Mapping[str, Any], summary: str) -> MilResult:
    """Mark the folder as finished."""
    done = {"status": "finished", "asked": dict(asked), "summary": summary}
    write_json(out / STATUS, _status(recipe, slides) | done)
    return MilResult(out, json.loads((out / REPORT / "metrics.json").read_text(encoding="utf-8")), summary)


def alone_in(out: Path) -> AbstractContextManager[None]:
    """Two commands must not write into one folder.

    Raises:
        BusyError: On entering: another one does.
    """
    return locked(out / ".lock", f"is comparing methods into {out}")


def _read(out: Path) -> dict[str, Any]:
    status: dict[str, Any] = json.loads((out / STATUS).read_text(encoding="utf-8"))
    return status


def _status(recipe: MilRecipe, slides: MilSlides) -> dict[str, Any]:
    # Torch, which the weights of a start need, is not asked for by who only reads a finished comparison.
    from sentinode.training.mil.mil_start import sha256_of_start

    return {
        "status": "started",
        "asked": {},
        "recipe_sha256": recipe.sha256,
        "slides_sha256": slides.sha256,
        "start_sha256": sha256_of_start(recipe.mil),
    }
