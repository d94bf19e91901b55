"""Bundles averaged into one, or one bundle with other test-time averaging: written like any other, fitted anew."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from sentinode.core.errors import StorageError
from sentinode.core.messages import plural
from sentinode.core.metric import Metric
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.data.dataset import Images
from sentinode.metrics.comparison import Comparison, compare
from sentinode.models.bundle import BUNDLE_FOLDER, Bundle, open_bundle
from sentinode.models.bundle_info import BundleInfo, Classes
from sentinode.models.bundle_writer import write_bundle
from sentinode.models.engines.engine import Engine
from sentinode.models.engines.engine_factory import engine_of
from sentinode.models.ensemble_assembly import Joined, check_joinable, join
from sentinode.models.model_config import Mean, TestTime
from sentinode.studies.ensemble_data import HeldOut, OutOfFold, held_out, of_folds
from sentinode.studies.ensemble_info import draft_info
from sentinode.studies.evaluation import score
from sentinode.training.bundle_contents import example_tiles, pixel_hashes, reference, reference_tiles
from sentinode.training.calibration_fit import Calibration, calibrate

_TINY = 1e-30  # a probability that float32 has as zero


@dataclass(frozen=True, eq=False)
class EnsembleResult:
    """A bundle that was made of others, and how it compares with each of them on validation."""

    bundle: Bundle
    comparisons: tuple[Comparison, ...]
    """The new bundle (second) with each one that it was made of (first), in their order."""

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        info = self.bundle.info
        return {
            "bundle": str(self.bundle.folder),
            "members": [member.model_dump(mode="json", include={"name", "graph_sha256"}) for member in info.members],
            "temperature": info.temperature,
            "threshold": None if info.threshold is None else info.threshold.value,
            "validation": [comparison.to_json() for comparison in self.comparisons],
        }

    def summary(self) -> str:
        """A few lines for a person."""
        lines = [f"validation ({plural(self.comparisons[0].n, 'image')}), AUC before → after"]
        for each in self.comparisons:
            before, after = each.metrics_a["auc"], each.metrics_b["auc"]
            lines.append(
                f"  {each.name_a}  {_figure(before)} → {_figure(after)}, {each.differences['auc'].as_difference()}"
            )
        return "\n".join([*lines, f"bundle    {self.bundle.folder}"])


def ensemble_bundles(
    names: Sequence[str | Path],
    address: str,
    out: str | Path,
    *,
    mean: Mean | None = None,
    test_time: TestTime | None = None,
    overrides: Sequence[str] = (),
    engine: str = "auto",
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> EnsembleResult:
    """Average bundles into one, and compare it on validation with each of them.

    Args:
        names: Two or more bundles: folders or shipped names; or one, to change its test-time averaging.
        address: The data's; its validation split, as the first bundle's own recipe shares it out, is used.
        out: The new bundle's folder; a bundle that is there is replaced.
        mean: Of the members' `probabilities` (the default) or `logits`.
        test_time: `d4`: every member averages over the eight orientations; `none`: none does; None: as each does now.
        overrides: `data.key=value`, over what the first bundle's recipe says of data.
        engine: `auto`, `openvino` or `torch`.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.

    Raises:
        BundleError: The bundles can't be averaged.
        LeakError: One has trained on validation images of the first.
        EvaluationError: The threshold's rule can't be met.
        StorageError: `out` holds something else than a bundle, or one of those named.
    """
    out, settings = Path(out), settings or Settings.from_environment()
    bundles = [open_bundle(name) for name in names]
    _check(bundles, out, mean, test_time)
    held = held_out(bundles, address, overrides, settings, progress)
    bundle = _write(bundles, join(bundles, mean, test_time), held, out, engine, settings, progress)
    models = []
    for name, each in zip([*map(str, names), str(out)], [*bundles, bundle], strict=True):
        scored = score(each, held.data, "validation", address, engine, settings, progress)
        models.append((name, scored.predictions, each.info.threshold.value if each.info.threshold else None))
    return EnsembleResult(bundle, tuple(compare([model, models[-1]])[0] for model in models[:-1]))


def write_ensemble(
    bundles: Sequence[Bundle],
    folder: Path,
    *,
    mean: Mean | None = None,
    test_time: TestTime | None = None,
    address: str,
    overrides: Sequence[str] = (),
    out_of_fold: OutOfFold | None = None,
    name: str = "",
    description: str = "",
    engine: str = "auto",
    settings: Settings,
    progress: Progress,
) -> Bundle:
    """Write the mean of bundles as a bundle, with temperature, threshold and band fitted anew.

    Args:
        bundles: The members.
        folder: Where to; a bundle that is there is replaced.
        mean: As for `ensemble_bundles`, and so is what is not named here.
        test_time: See there.
        address: See there; not opened where there is `out_of_fold`.
        overrides: See there.
        out_of_fold: What to fit to in place of a validation split: each member of a cross-validation has trained on
            the validation images of all the others.
        name: The bundle's; by default made of the members'.
        description: The bundle's.
        engine: See there.
        settings: The machine's.
        progress: Where to show how far it is.

    Raises:
        SentinodeError: As for `ensemble_bundles`.
    """
    _check(bundles, folder, mean, test_time)
    if out_of_fold is None:
        held = held_out(bundles, address, overrides, settings, progress)
    else:
        held = of_folds(bundles, out_of_fold)
    joined = join(bundles, mean, test_time)
    return _write(bundles, joined, held, folder, engine, settings, progress, name=name, description=description)


def _check(bundles: Sequence[Bundle], out: Path, mean: Mean | None, test_time: TestTime | None) -> None:
    """Refuse at once what would be refused after minutes."""
    BUNDLE_FOLDER.check(out)
    if out.resolve() in {bundle.folder.resolve() for bundle in bundles}:
        raise StorageError(f"{out} is one of the bundles to be averaged, and would be replaced; choose another --out")
    check_joinable(bundles, mean, test_time)


def _write(
    bundles: Sequence[Bundle],
    joined: Joined,
    held: HeldOut,
    folder: Path,
    engine: str,
    settings: Settings,
    progress: Progress,
    *,
    name: str = "",
    description: str = "",
) -> Bundle:
    draft = draft_info(bundles, joined, held, name=name, description=description)
    runner = engine_of(copy.deepcopy(joined.deployed), draft, engine, threads=settings.threads)
    images = held.data.images("validation")
    logits = _logits(runner, images, progress) if held.logits is None else held.logits
    calibration = calibrate(logits, held.data, held.recipe.evaluation, held.recipe.seed)
    joined.deployed.temperature.fill_(calibration.temperature)
    split = "train" if len(held.data.manifest.rows("train")) else "validation"
    sample = reference_tiles(held.data, held.recipe.seed, split)
    answers = runner.predict(sample)
    probabilities = softmax(_log(answers.probabilities) / calibration.temperature, axis=1)
    return write_bundle(
        folder,
        _fitted(draft, bundles[0].info.classes, calibration, held.split),
        joined.deployed,
        example_tiles=example_tiles(draft.input.tile_size),
        reference=reference(sample, probabilities.astype(np.float32), answers.embedding),
        seen=_seen(bundles, held),
    )


def _logits(engine: Engine, images: Images, progress: Progress) -> NDArray[np.float32]:
    """(n, classes) of a model at temperature 1."""
    return _log(engine.probabilities(images, progress, "calibrating"))


def _log(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits of probabilities; softmax gives these back."""
    return np.asarray(np.log(np.maximum(probabilities, _TINY)), dtype=np.float32)


def _fitted(draft: BundleInfo, classes: Classes, calibration: Calibration, split: str) -> BundleInfo:
    point = calibration.threshold and replace(calibration.threshold, split=split)
    band = replace(calibration.band, split=split)
    return draft.model_copy(
        update={
            "classes": classes,
            "temperature": calibration.temperature,
            "threshold": point,
            "low_confidence": band,
        }
    )


def _seen(bundles: Sequence[Bundle], held: HeldOut) -> Mapping[str, NDArray[np.uint64]]:
    """What any member has learned from, with the images that were fitted to here."""
    kinds: dict[str, list[NDArray[np.uint64]]] = {"validation": [pixel_hashes(held.data, "validation")]}
    for bundle in bundles:
        for kind, hashes in bundle.seen().items():
            kinds.setdefault(kind, []).append(hashes)
    return {kind: np.unique(np.concatenate(hashes)) for kind, hashes in kinds.items()}


def _figure(metric: Metric) -> str:
    return "undefined" if metric.value is None else f"{metric.value:.4f}"
