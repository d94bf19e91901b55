"""`sentinode pretrain`: from images without labels to weights to start from, in one folder."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.errors import RecipeError
from sentinode.core.messages import count, plural
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.models.pretrained_bundle import PretrainedBundle, open_pretrained_bundle
from sentinode.training.pretraining.pretrain_recipe import PretrainRecipe, load_pretrain_recipe
from sentinode.training.pretraining.pretraining_folder import (
    PretrainingFolder,
    begin_pretraining,
    read_pretraining,
    reopen_pretraining,
)


@dataclass(frozen=True)
class Pretraining:
    """A finished run: where its bundle is, and what the probe said."""

    folder: Path
    bundle: PretrainedBundle

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        record = self.bundle.info.pretraining
        return {
            "run": str(self.folder),
            "bundle": str(self.bundle.folder),
            "bundle_sha256": self.bundle.sha256,
            **record.model_dump(mode="json"),
        }

    def summary(self) -> str:
        """A few lines for a person."""
        info = self.bundle.info
        sides = (
            f" --set model.input_size={info.input.input_size}" if info.input.input_size != info.input.tile_size else ""
        )
        record = info.pretraining
        kept = next(one for one in record.curve if one.step == record.kept_step)
        ended = ", ended early because the probe fell" if record.fell else ""
        return "\n".join(
            [
                f"{record.method}: {plural(record.images, 'image')}, {plural(record.steps, 'step')}{ended}",
                f"probe     {record.curve[0].value:.4f} at the start, {kept.value:.4f} at step {count(kept.step)}, "
                f"which is kept ({record.probe})",
                *[f"limit     {limit}" for limit in info.limits],
                f"bundle    {self.bundle.folder}",
                f"use it    sentinode train RECIPE --set model.architecture={info.model.architecture} --set "
                f"model.weights=bundle:{self.bundle.folder}{sides}",
            ]
        )


def pretrain(
    recipe: str | None = None,
    *,
    data: str | None = None,
    slides: str | None = None,
    minutes: float | None = None,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    resume: str | Path | None = None,
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> Pretraining:
    """Pretrain a network on images without looking at labels, or go on with a run that was stopped.

    A run that is resumed ends with the same weights as if it had not been stopped.

    Args:
        recipe: A shipped recipe's name (`simsiam-squeezenet`) or the path of a TOML file.
        data: The images' address.
        slides: A folder of slides, or one, in place of `data`.
        minutes: How long; turned into steps at the start, by the pace that is then measured.
        out: The run folder to make; None: `runs/RECIPE-DATE-TIME`.
        overrides: `key.path=value` of the recipe.
        resume: A run folder to go on with, by its own recipe.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.

    Raises:
        RecipeError: Not exactly one of `recipe` and `resume`, or a recipe that is not as it should be.
        TrainingError: The network has collapsed; the folder holds something already, or no run.
        SentinodeError: The images or the model are not as they should be.
        KeyboardInterrupt: The user stopped it; the message says how to go on.
    """
    settings = settings or Settings.from_environment()
    if resume is not None:
        if recipe or data or slides or minutes or overrides or out:
            raise RecipeError("--resume takes the run's own recipe and steps; give it alone")
        folder = Path(resume)
        if read_pretraining(folder)["status"] == "finished":
            return Pretraining(folder, open_pretrained_bundle(folder / "bundle"))
        return _completed(reopen_pretraining(folder, settings, progress), settings, progress)
    if recipe is None:
        raise RecipeError("name a recipe, for example `sentinode pretrain simsiam-squeezenet --data folder:DIR`")
    resolved = load_pretrain_recipe(recipe, source=data, slides=slides, overrides=overrides)
    folder = Path(out) if out is not None else _dated_folder(resolved)
    return _completed(begin_pretraining(resolved, minutes, folder, settings, progress), settings, progress)


def _completed(run: PretrainingFolder, settings: Settings, progress: Progress) -> Pretraining:
    with run.held():
        from sentinode.training.pretraining.pretrained_facts import write_pretrained
        from sentinode.training.pretraining.pretraining_fit import CollapseError, pretrain_network

        try:
            done = pretrain_network(run.recipe, run.images, run.path, threads=settings.threads, progress=progress)
        except CollapseError as error:
            run.mark("collapsed", reason=str(error))
            raise
        bundle = write_pretrained(run.recipe, run.images, done, run.path / "bundle")
        run.mark("finished")
    return Pretraining(run.path, bundle)


def _dated_folder(recipe: PretrainRecipe) -> Path:
    return Path("runs") / f"{recipe.name or 'pretraining'}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
