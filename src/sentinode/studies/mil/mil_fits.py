"""Every fit of a comparison: what it is, what it answered, and a file for each, so that nothing is fitted twice."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from sentinode.core.files import sha256_of_json, write_json
from sentinode.core.progress import Progress
from sentinode.core.result_folder import remove_partial
from sentinode.metrics.measures.platt import PlattScaling, fit_platt
from sentinode.models.mil.bag import Bag
from sentinode.models.mil.bag_file import read_bag
from sentinode.studies.mil.attention_test import SlideAttention, look_at
from sentinode.studies.mil.mil_slides import MilSlide, labels_of, patients_of
from sentinode.training.mil.mil_config import MilConfig

FITS_FOLDER = "fits"
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FitTask:
    """One fit: of what, on which slides, and which slides it answers for."""

    key: str
    """Name of its file."""
    config: MilConfig
    train: Integers
    """Places of the slides that it is fitted on; its validation slides are among them."""
    asked: Integers
    """Places of the slides that it answers for; it has learned nothing from them."""
    seed: int
    looked: tuple[int, ...] = ()
    """Places, among `asked`, of slides whose attention is tested."""


@dataclass(frozen=True, eq=False)
class FitRecord:
    """What one fit gave."""

    key: str
    logits: NDArray[np.float64]
    """(m, C) of the slides that it was asked for."""
    inner: Integers
    """Places of the validation slides."""
    inner_logits: NDArray[np.float64]
    """(v, C)"""
    scaling: PlattScaling
    """Fitted to the validation slides."""
    epochs: int
    best_epoch: int
    looks: tuple[SlideAttention, ...]

    @property
    def above(self) -> NDArray[np.float64]:
        """(m, C): calibrated probability that a slide it was asked for is above the first class, the second, …"""
        return self.scaling.above(self.logits)

    @property
    def inner_above(self) -> NDArray[np.float64]:
        """(v, C) of the validation slides."""
        return self.scaling.above(self.inner_logits)


@dataclass(frozen=True, eq=False)
class FitSlides:
    """What all fits share."""

    slides: Sequence[MilSlide]
    classes: int
    encoder: str
    """As `read_bag` takes it."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """Of the bags' files."""
        return tuple(slide.path for slide in self.slides)


def run_fits(
    tasks: Sequence[FitTask], shared: FitSlides, out: Path, *, jobs: int, progress: Progress
) -> list[FitRecord]:
    """Do what is not done yet, in processes, and read all of it.

    Args:
        tasks: The fits.
        shared: The slides.
        out: The folder of the comparison; a file for each fit is written into `fits/` as soon as it has ended.
        jobs: Processes; each computes with one thread, so that a figure does not depend on how many there are.
        progress: Where to show how far it is.

    Raises:
        DataError: A class has slides of one patient only in a training part.
        TrainingError: A loss is not finite.
    """
    files = {task.key: out / FITS_FOLDER / f"{task.key}.json" for task in tasks}
    hashes = {task.key: _sha256(task, shared) for task in tasks}
    missing = [task for task in tasks if _read_if(files[task.key], hashes[task.key]) is None]
    # The lightest last, so that no process is left alone with a long one.
    missing.sort(key=lambda task: _WEIGHT.get(task.config.method, 1), reverse=True)
    labels, patients = labels_of(shared.slides), patients_of(shared.slides)
    calls = (delayed(_fit)(task, shared.paths, shared.encoder, labels, patients, shared.classes) for task in missing)
    pool = Parallel(n_jobs=max(1, min(jobs, len(missing))), return_as="generator_unordered")
    with progress.bar("fits", len(tasks), "fits", done=len(tasks) - len(missing)) as advance:
        for key, found in pool(calls):
            remove_partial(files[key])
            write_json(files[key], {"task_sha256": hashes[key], **found})
            advance(note=key)
    return [_record(task.key, files[task.key]) for task in tasks]


_WEIGHT = {"transmil": 4, "clam-sb": 3, "dsmil": 3, "abmil": 2, "mean": 0}


def _fit(
    task: FitTask, paths: tuple[Path, ...], encoder: str, labels: Integers, patients: list[str], classes: int
) -> tuple[str, dict[str, Any]]:
    """One fit in one thread, as plain JSON values."""
    from sentinode.training.mil.mil_fit import fit_aggregator

    bags = _opened(paths, encoder)
    with one_thread():
        fitted = fit_aggregator(
            task.config,
            [bags[place] for place in task.train],
            labels[task.train],
            [patients[place] for place in task.train],
            classes=classes,
            seed=task.seed,
        )
        inner = task.train[fitted.validation]
        inner_logits = np.stack([fitted.logits(bags[place]) for place in inner])
        scaling = fit_platt(inner_logits, labels[inner])
        asked = [fitted.logits(bags[place]).tolist() for place in task.asked]
        looks = [look_at(fitted, bags[place], scaling, task.seed + place).to_json() for place in task.looked]
    return task.key, {
        "logits": asked,
        "inner": inner.tolist(),
        "inner_logits": inner_logits.tolist(),
        "scale": scaling.scale,
        "shift": list(scaling.shift),
        "epochs": fitted.epochs,
        "best_epoch": fitted.best_epoch,
        "looks": looks,
    }


@lru_cache(maxsize=1)
def _opened(paths: tuple[Path, ...], encoder: str) -> list[Bag]:
    return [read_bag(path, encoder=encoder) for path in paths]


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums are split by threads: with one, a fit is the same wherever and beside whatever it runs."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _sha256(task: FitTask, shared: FitSlides) -> str:
    names = [slide.name for slide in shared.slides]
    parts = [[names[place] for place in places] for places in (task.train, task.asked, task.looked)]
    return sha256_of_json([task.config.model_dump(mode="json"), task.seed, shared.classes, *parts])


def _read_if(path: Path, sha256: str) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values if values["task_sha256"] == sha256 else None


def _record(key: str, path: Path) -> FitRecord:
    values = json.loads(path.read_text(encoding="utf-8"))
    return FitRecord(
        key,
        np.array(values["logits"], dtype=np.float64),
        np.array(values["inner"], dtype=np.int64),
        np.array(values["inner_logits"], dtype=np.float64),
        PlattScaling(values["scale"], tuple(values["shift"])),
        values["epochs"],
        values["best_epoch"],
        tuple(SlideAttention.from_json(look) for look in values["looks"]),
    )
