"""`sentinode study stain`: none, augmentation, normalisation and both, on appearances that were held out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sentinode.core.files import write_json
from sentinode.core.messages import count, plural
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.metrics.arm_comparison import ArmFigures, ArmTable, compare_arms
from sentinode.models.bundle_writer import library_versions
from sentinode.reports import wording
from sentinode.reports.frame import Context
from sentinode.reports.study_page import Strip, write_study_page
from sentinode.studies.stain.stain_answers import FoldResult, StainAnswers, cells_of
from sentinode.studies.stain.stain_arms import ArmRunner
from sentinode.studies.stain.stain_folds import StainFolds, draw_folds
from sentinode.studies.stain.stain_protocol import ARMS, COLOUR, COLOUR_ARMS, MODELS, StainProtocol
from sentinode.studies.study_folder import PAGE, RECORD, ArmStudy, begin_study, study_folder

_NOT_KNOWN = (
    "Laboratories, slides and patients are not known here: clusters of hue stand for them. Two clusters may come from "
    "one slide, so what is held out is less new than another hospital's slides, and the intervals are too narrow "
    "rather than too wide."
)
_SIX = "Each of six contrasts has its own 95 % interval, with no correction for looking at six."
_COLOUR_ALONE = (
    "Colour alone is no model to use: it says how well mean and deviation of colour tell the classes apart, before and "
    "after normalisation."
)


@dataclass(frozen=True)
class StainStudy(ArmStudy):
    """A finished study."""

    kept: Mapping[str, int]
    """Images whose stain could not be told, over all folds, by reason."""

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        return {**super().to_json(), "not_normalised": dict(self.kept)}


def study_stain(
    address: str,
    out: str | Path,
    *,
    weights: str = "imagenet",
    overrides: Sequence[str] = (),
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> StainStudy:
    """Run the protocol, or go on with it; what was answered already is not trained again.

    Args:
        address: The data's; patches of two classes.
        out: Gets `study.html`, `study.json`, `plan.json` and every answer.
        weights: Of the frozen features: `imagenet`, or a file.
        overrides: `key=value` of the protocol, such as `patches=1000`, and `data.key=value`.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.

    Raises:
        RecipeError: There is no such key, or a value is wrong.
        DataError: The data has too few images, or its stain can't be told.
        StorageError: `out` holds something else, or a study of another protocol or other data.
        KeyboardInterrupt: The user stopped it; what was answered is kept.
    """
    out, settings = Path(out), settings or Settings.from_environment()
    protocol, data = begin_study(StainProtocol, address, overrides, settings, progress)
    folds = draw_folds(data, protocol)
    with study_folder(out, protocol, data=folds.data.manifest.hash, weights=weights):
        answers = StainAnswers(out, folds, ArmRunner(protocol, weights, settings.threads, data.tiles.shape[1]))
        with progress.bar("study", cells_of(protocol), "models") as advance:
            results = [answers.fill(number, advance) for number in range(protocol.folds)]
        kept = sum((one.kept for one in results), Counter[str]())
        study = StainStudy(out, _tables(answers, protocol), "without either", dict(kept))
        write_json(out / RECORD, study.to_json())
        _write_page(study, folds, protocol, address, _strip(results))
    return study


def _tables(answers: StainAnswers, protocol: StainProtocol) -> dict[str, tuple[ArmFigures, ...]]:
    held_out = answers.folds.held_out
    tables = {
        title: compare_arms(held_out, {arm: answers.read(name, arm, protocol.seeds) for arm in ARMS})
        for name, title in MODELS.items()
    }
    colour = {arm: answers.read(COLOUR, arm, (0,)) for arm in COLOUR_ARMS}
    return {**tables, "colour alone": compare_arms(held_out, colour)}


def _strip(results: Sequence[FoldResult]) -> Strip:
    rows = [tuple(one.before for one in results), tuple(one.after for one in results)]
    return Strip(
        np.concatenate([np.concatenate(list(np.concatenate(parts)), axis=1) for parts in rows], axis=0),
        title="Images held out, before and after normalisation",
        alt="Images as they are above, normalised below",
        caption="Above as they are, below with the stain of the training images. Three of each fold.",
    )


def _write_page(study: StainStudy, folds: StainFolds, protocol: StainProtocol, address: str, strip: Strip) -> None:
    tables = tuple(ArmTable(name, tuple(arms)) for name, arms in study.tables.items())
    counted = sum(study.kept.values())
    why = "; ".join(f"{reason}: {number:,}" for reason, number in study.kept.items())
    asked = protocol.folds * protocol.patches
    notes = [
        f"Stain could not be told of {counted:,} of {asked:,} images, over all folds, which stayed as they were"
        + (f" ({why})." if why else "."),
        _NOT_KNOWN,
        _SIX,
        _COLOUR_ALONE,
    ]
    context = Context(
        data=address,
        model="stain",
        facts=[
            ("Images", plural(protocol.patches, "patch")),
            ("Groups", f"{count(len(set(folds.groups.tolist())))} clusters of hue, in {protocol.folds} folds"),
            ("Seeds", count(len(protocol.seeds))),
        ],
        notes=notes,
        provenance={
            "Data (SHA-256)": folds.data.manifest.hash,
            "Made with": wording.versions(library_versions()),
        },
        recipe=protocol.to_toml(),
    )
    write_study_page(protocol.question, tables, strip, context, study.folder / PAGE)
