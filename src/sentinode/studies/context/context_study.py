"""`sentinode study context`: tiles alone against tiles with what lies around them, on composed slides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sentinode.core.errors import RecipeError
from sentinode.core.files import write_json
from sentinode.core.messages import count, plural
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.data.dataset import Dataset
from sentinode.metrics.froc.lesion_arms import (
    LesionFigures,
    LesionQuestions,
    LesionSlide,
    compare_lesion_arms,
    lesion_curve,
    lesion_verdict,
)
from sentinode.models.bundle_writer import library_versions
from sentinode.reports import wording
from sentinode.reports.charts.lesion_charts import CURVE_RATES
from sentinode.reports.frame import Context
from sentinode.reports.lesion_study_page import write_lesion_study_page
from sentinode.studies.context.context_arms import ContextArms
from sentinode.studies.context.context_protocol import ARMS, ContextProtocol
from sentinode.studies.context.context_slides import (
    TestedSlide,
    compose_cohorts,
    draw_training_tiles,
    read_tested_slides,
    splits_of,
)
from sentinode.studies.study_folder import PAGE, RECORD, read_protocol, study_folder

_COMPOSED = (
    "Cells of a composed slide are patches of many slides, and tissue next to a metastasis is no different from other "
    "tissue: a neighbour tells of a cell only whether it is tumour, too. That favours context for lesions of several "
    "cells, gives it nothing for single ones, and keeps from it what real tissue has: sinuses, follicles, a capsule."
)
_MANY = "Each figure has its own 95 % interval, with no correction for looking at all; the verdict goes by one of them."
_COMPUTE = "Both arms have the same tiles and the same computing: tiles alone are learned from twice as often."


@dataclass(frozen=True)
class ContextStudy:
    """A finished study: both arms, the second held against the first."""

    folder: Path
    arms: Sequence[LesionFigures]
    questions: LesionQuestions

    @property
    def verdict(self) -> str:
        """What context brings, in words."""
        return lesion_verdict(self.arms[1], self.questions)

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        return {"arms": [arm.to_json() for arm in self.arms], "verdict": self.verdict}

    def summary(self) -> str:
        """A few lines for a person."""
        first, second = self.arms
        lines = [
            f"{name}\n  {first.name} {first.figures[name]!s}, {second.name} {second.figures[name]!s}, "
            f"change {second.differences[name].as_difference()}"
            for name in self.questions.names
        ]
        return "\n".join([*lines, f"{second.name}: {self.verdict}", f"look at   {self.folder / PAGE}"])


def study_context(
    address: str,
    out: str | Path,
    *,
    weights: str = "imagenet",
    overrides: Sequence[str] = (),
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> ContextStudy:
    """Run the protocol, or go on with it; what was answered already is not done again.

    Args:
        address: Patches of two classes, with splits of their own that share no slide.
        out: Gets `study.html`, `study.json`, `plan.json`, the composed slides, tiles, bundles and every answer.
        weights: What every backbone starts from: `imagenet`, or a file.
        overrides: `key=value` of the protocol, such as `tested_slides=20`.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.

    Raises:
        RecipeError: There is no such key, or a value is wrong.
        DataError: The patches have no splits, or not both classes.
        StorageError: `out` holds something else, or a study of another protocol or other data.
        KeyboardInterrupt: The user stopped it; what was answered is kept, and so is the last full epoch.
    """
    out, settings = Path(out), settings or Settings.from_environment()
    protocol, of_data = read_protocol(ContextProtocol, overrides)
    _refuse(of_data)
    splits_of(address)
    with study_folder(out, protocol, data=address, weights=weights):
        slides = protocol.training_slides + protocol.tested_slides
        with progress.bar("composing", slides, "slides") as advance:
            compose_cohorts(out, address, protocol, advance)
        data = draw_training_tiles(out, protocol, settings, progress)
        tested = read_tested_slides(out / "tested-slides")
        arms = ContextArms(out, data, tested, protocol, weights, settings.threads)
        with progress.bar("study", len(ARMS) * len(protocol.seeds), "models") as advance:
            for seed in protocol.seeds:
                arms.fill(seed, advance)
        found = {arm: arms.read(arm) for arm in ARMS}
        questions = LesionQuestions(protocol.sensitivities, protocol.rate, protocol.small)
        study = ContextStudy(out, compare_lesion_arms(found, questions), questions)
        write_json(out / RECORD, study.to_json())
        _write_page(study, found, data, tested, protocol, address)
    return study


def _refuse(of_data: Sequence[str]) -> None:
    if of_data:
        raise RecipeError(
            f"--set {of_data[0]!r}: the study composes slides of the patches as they are; name other patches instead"
        )


def _write_page(
    study: ContextStudy,
    found: Mapping[str, Sequence[Sequence[LesionSlide]]],
    data: Dataset,
    tested: Sequence[TestedSlide],
    protocol: ContextProtocol,
    address: str,
) -> None:
    cells = np.concatenate([slide.lesion_cells for slide in tested])
    small = int((cells <= protocol.small).sum())
    tiles = {split: len(data.manifest.rows(split)) for split in ("train", "validation")}
    context = Context(
        data=address,
        model="context",
        facts=[
            (
                "Learned from",
                f"{plural(tiles['train'], 'tile')} of {plural(protocol.training_slides, 'composed slide')}",
            ),
            (
                "Tested",
                f"{plural(len(tested), 'composed slide')}, {sum(not len(one.lesion_cells) for one in tested)} normal",
            ),
            ("Lesions", f"{count(len(cells))}, {count(small)} of 1–{protocol.small} cells"),
            ("Seeds", count(len(protocol.seeds))),
        ],
        notes=[_COMPOSED, _COMPUTE, _MANY],
        provenance={
            "Tiles (SHA-256)": data.manifest.hash,
            "Made with": wording.versions(library_versions()),
        },
        recipe=protocol.to_toml(),
    )
    curves = {
        arm: np.mean([lesion_curve(slides, CURVE_RATES) for slides in seeds], axis=0) for arm, seeds in found.items()
    }
    write_lesion_study_page(protocol.question, tuple(study.arms), study.questions, curves, context, study.folder / PAGE)
