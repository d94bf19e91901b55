"""`sentinode baselines`: from a data set to one table of baselines and bundles, a picture and a page."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sentinode.core.errors import DataError, EvaluationError
from sentinode.core.files import atomic_folder, write_json
from sentinode.core.messages import plural
from sentinode.core.metric import Metric
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.data.data_config import DataConfig
from sentinode.data.dataset import Dataset, load_dataset
from sentinode.metrics.model_table import Candidate, ModelTable, tabulate, write_table
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.reports.charts.chart import save_png
from sentinode.reports.charts.model_table_chart import table_picture
from sentinode.reports.frame import Context
from sentinode.reports.model_table_page import points, points_interval, write_table_page
from sentinode.studies.baselines.backbones import check_new_to, origin_of
from sentinode.studies.baselines.candidates import (
    INNER_FOLDS,
    Bench,
    bundle_candidate,
    descriptor_candidates,
    probe_candidate,
)
from sentinode.studies.baselines.training_subsets import check_enough, draw
from sentinode.studies.evaluation import ASSESSMENT_FOLDER
from sentinode.studies.measured_split import data_of, unseen
from sentinode.studies.seen_images import seen_images
from sentinode.training.features.extraction import open_for
from sentinode.training.features.feature_config import FeaturesConfig
from sentinode.training.features.feature_recipe import load_features_recipe
from sentinode.training.recipe import load_data_config

DEFAULT_PROBE = "pcam"
"""The backbone of the linear probe where none is named: the shipped bundle."""

NO_PROBE = "none"
SAMPLE = 5000
"""About how many training images, and validation images, the baselines use at most where nothing else is said."""

_SEED = 42


@dataclass(frozen=True)
class BaselinesResult:
    """Where the files are, and what is in them."""

    folder: Path
    table: ModelTable
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        return {"notes": list(self.notes), **self.table.to_json()}

    def summary(self) -> str:
        """A few lines for a person."""
        width = max(len(row.name) for row in self.table.rows)
        lines = [f"{'':<{width}}  AUC                    accuracy"]
        for row in self.table.rows:
            mark = "  strongest baseline on validation" if row.name == self.table.strongest else ""
            lines.append(f"{row.name:<{width}}  {row.metrics['auc']!s:<21}  {row.metrics['accuracy']!s}{mark}")
        for row in self.table.bundles:
            if row.uplift is not None:
                auc, accuracy = row.uplift.differences["auc"], row.uplift.differences["accuracy"]
                lines.append(f"{row.name} over {self.table.strongest}, in points: AUC {_words(auc)},"
                             f" accuracy {_words(accuracy)}")  # fmt: skip
        lines += [f"note      {note}" for note in self.notes]
        return "\n".join([*lines, f"look at   {self.folder / 'baselines.html'}"])


def compare_with_baselines(
    address: str,
    out: str | Path,
    *,
    bundles: Sequence[str | Path] = (),
    probe: str = "",
    split: str = "test",
    sample: int = SAMPLE,
    overrides: Sequence[str] = (),
    engine: str = "auto",
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> BaselinesResult:
    """Fit simple baselines on train, and measure them and the bundles on the same test images.

    Writes `baselines.html`, `.json`, `.csv` and `.png` into `out`.

    Args:
        address: The data's.
        out: The folder to make; an earlier result there is replaced.
        bundles: Folders or shipped names. The first one's recipe says what the data's classes are called and how they
            are split, as far as `overrides` do not.
        probe: A bundle or an architecture, `none`, or empty for `DEFAULT_PROBE`, which is left out where it can't be
            used.
        split: `test`, or another of the source's own splits, which then plays test.
        sample: About how many training images, and validation images, the baselines use at most; 0 for all.
        overrides: `data.key=value`; and where a probe is named, `features.key=value`.
        engine: Of the bundles.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.

    Raises:
        DataError: The data is not what it must be, or train, validation or test is empty.
        LeakError: A bundle or the named probe has learned from images that it would be measured on.
        EvaluationError: A bundle tells other classes apart, or a class has too few images.
    """
    out, settings = Path(out), settings or Settings.from_environment()
    ASSESSMENT_FOLDER.check(out)
    opened = [open_bundle(name) for name in bundles]
    config, named = _resolved(address, overrides, split, opened, probe)
    data = load_dataset(config, cache=settings.cache, progress=progress)
    if data.tile_size is not None:
        raise DataError(
            f"data.tile_size = {data.tile_size}: baselines are measured on images of one size, not on photographs that "
            "are cut into tiles; `sentinode crossval` measures classical models on those"
        )
    data.manifest.require("train", "validation", "test")
    for bundle in opened:
        _check_fits(bundle, data)
        data = unseen(bundle, data, "test", on_leak=config.on_leak)
        data.manifest.require("test")
    features, why_not = _backbone(probe, named, data)
    # Weights that can't be had are found now, not after minutes of fitting.
    extractor = None if features is None else open_for(features, data.tiles.shape[1], settings=settings)
    sampled, notes = _sampled(data, sample)
    bench = Bench(sampled, _SEED, settings, progress)
    candidates = [
        *descriptor_candidates(bench),
        *([probe_candidate(bench, features, extractor)] if features and extractor else []),
        *(bundle_candidate(bench, bundle, address, engine) for bundle in opened),
    ]
    return _written(candidates, data, bench, out, address, split, [*notes, *why_not])


def _resolved(
    address: str, overrides: Sequence[str], split: str, bundles: Sequence[Bundle], probe: str
) -> tuple[DataConfig, FeaturesConfig | None]:
    """The data as the first bundle's recipe and the command line have it; and the features of a probe that is named."""
    base = data_of(bundles[0], address) if bundles else None
    own = [] if probe in ("", NO_PROBE) else [value for value in overrides if value.startswith("features.")]
    chosen = [] if split == "test" else [f"data.split.test={split}"]
    config = load_data_config(address, [*chosen, *(value for value in overrides if value not in own)], base)
    if probe in ("", NO_PROBE):
        return config, None
    return config, load_features_recipe(probe, source=address, overrides=own).features


def _check_fits(bundle: Bundle, data: Dataset) -> None:
    bundle.info.refuse_context("baselines are of tiles alone")
    names, own = data.manifest.class_names, bundle.info.classes.names
    if names != own:
        raise EvaluationError(
            f"{bundle.name} tells {', '.join(own)} apart, the data has {', '.join(names)}; name them alike with --set "
            "data.rename, or compare a bundle of these classes"
        )
    (height, width), side = data.tiles.shape[1:3], bundle.info.input.tile_size
    if (height, width) != (side, side):
        raise DataError(f"{bundle.name} takes tiles of {side}×{side} px, the images are {width}×{height}; resize them")


def _sampled(data: Dataset, sample: int) -> tuple[Dataset, list[str]]:
    """Train and validation cut down to about `sample` images each; and what was cut, in sentences."""
    manifest, notes, dropped = data.manifest, [], []
    for split in ("train", "validation"):
        labels, groups = manifest.labels(split), manifest.groups(split)
        if not sample or len(labels) <= sample:
            continue
        kept = draw(labels, groups, sample / len(labels), _SEED)
        ids = np.array(manifest.ids(split), dtype=object)
        dropped += np.delete(ids, kept).tolist()
        how = "the same share of every class" if groups is None else "whole groups"
        notes.append(
            f"Baselines use {len(kept):,} of the {len(labels):,} {split} images, drawn at random ({how}, seed {_SEED});"
            " --sample 0 uses all."
        )
    table = manifest.table[~manifest.table["id"].isin(dropped)].reset_index(drop=True)
    data = replace(data, manifest=replace(manifest, table=table)) if dropped else data
    check_enough(data.manifest.labels("train"), manifest.class_names, f"--sample {sample}" if dropped else "train")
    return data, notes


def _backbone(probe: str, named: FeaturesConfig | None, data: Dataset) -> tuple[FeaturesConfig | None, tuple[str, ...]]:
    """What the linear probe stands on; None where there is none, and why."""
    if named is not None:
        remedy = "name another backbone with --probe, or none"
        check_new_to(origin_of(named), data, remedy)
        return named, ()
    if probe == NO_PROBE:
        return None, ("The linear probe was switched off.",)
    bundle, (height, width) = open_bundle(DEFAULT_PROBE), data.tiles.shape[1:3]
    side, rest = bundle.info.input.tile_size, "so there is no linear probe; name a backbone with --probe"
    if len(known := seen_images(bundle, data, data.manifest.table)):
        return None, (f"The shipped bundle {DEFAULT_PROBE} has {known}, {rest}.",)
    if (height, width) != (side, side):
        return None, (f"The shipped bundle {DEFAULT_PROBE} takes {side}×{side} px, not {width}×{height}, {rest}.",)
    return FeaturesConfig(bundle=DEFAULT_PROBE), ()


def _written(
    candidates: Sequence[Candidate],
    whole: Dataset,
    bench: Bench,
    out: Path,
    address: str,
    split: str,
    notes: Sequence[str],
) -> BaselinesResult:
    table = tabulate(candidates)
    used = {split: len(bench.data.manifest.rows(split)) for split in ("train", "validation")}
    context = Context(
        data=address,
        split=split,
        facts=(("Training images", f"{used['train']:,} of {len(whole.manifest.rows('train')):,}"),),
        method=_method(used, bench),
        notes=tuple(notes),
    )
    with atomic_folder(out) as temporary:
        found = {"data": address, "split": split, "used_images": used, "notes": list(notes), **table.to_json()}
        write_json(temporary / "baselines.json", found)
        write_table(table, temporary / "baselines.csv")
        save_png(table_picture(table), temporary / "baselines.png")
        write_table_page(table, context, temporary / "baselines.html")
    return BaselinesResult(out, table, tuple(notes))


def _method(used: dict[str, int], bench: Bench) -> tuple[str, ...]:
    grouped = "" if bench.data.manifest.groups("train") is None else ", whole groups in one fold"
    return (
        f"Baselines are fitted on {plural(used['train'], 'training image')}; what is tuned, and the temperature of the"
        f" probabilities, are chosen on {INNER_FOLDS} folds of these{grouped}.",
        "The strongest is the one with the highest AUC on "
        f"{plural(used['validation'], 'validation image')}. Intervals take"
        " that choice as given.",
        "The measured images chose nothing here: no baseline, no parameter, no threshold.",
        f"Times: descriptors on one core, networks on {bench.settings.threads}; the first call of each was left out.",
    )


def _words(metric: Metric) -> str:
    between = points_interval(metric)
    return f"{points(metric)} (95 % {between})" if between else points(metric)
