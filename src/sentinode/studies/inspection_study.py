"""`data inspect`: look at a data set before training on it. A page for people, and the same figures as JSON.

It exists to show problems, so it does not stop at what training would refuse: it says so, with the remedy, and goes on.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentinode.core.errors import DataError, SentinodeError
from sentinode.core.files import atomic_folder, write_json
from sentinode.core.messages import plural
from sentinode.core.progress import SILENT, Progress
from sentinode.core.result_folder import ResultKind
from sentinode.core.settings import Settings
from sentinode.core.stain_statistics import STAIN_COLUMNS, stain_statistics
from sentinode.data.address import open_configured
from sentinode.data.colour_baseline import COLOUR_COLUMNS, colour_baseline
from sentinode.data.copies import near_copies
from sentinode.data.data_config import DataConfig
from sentinode.data.dataset import Images, build_manifest
from sentinode.data.inspection import facts as facts_of
from sentinode.data.inspection.findings import findings
from sentinode.data.manifest import Manifest
from sentinode.data.near_duplicates import NearPair, Tones
from sentinode.data.pack import Pack, pack
from sentinode.data.source import Exclusion, Source
from sentinode.data.source_splits import SPLITS, assign_splits
from sentinode.reports.inspection_page import write_inspection_page
from sentinode.training.recipe import load_data_config

_FORMAT = 1
_PAGE, _FACTS = "index.html", "inspect.json"
_INSPECTION_FOLDER = ResultKind("an inspection", (_PAGE, _FACTS), nothing_else=True)
_CHUNK = 512
_POLICIES = ("on_leak", "on_conflict", "on_size", "on_unreadable")
_EXAMPLES = 36  # images in the grid, shared among the classes


@dataclass(frozen=True)
class _Survey:
    """All images that could be read, with the split of each, and what training would say to them."""

    table: pd.DataFrame
    class_names: tuple[str, ...]
    positive: str | None
    manifest: Manifest | None
    """With everything dropped that the configuration may drop; None where that is refused too."""
    refusal: str
    """Why training would refuse the data set as it is configured; empty: it would not."""
    exclusions: tuple[Exclusion, ...]


@dataclass(frozen=True)
class Inspection:
    """Where the files are, and the figures."""

    folder: Path
    facts: dict[str, Any]
    """The content of `inspect.json`."""

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        return self.facts

    def summary(self) -> str:
        """The main figures and findings, and the paths of what to look at."""
        facts, images = self.facts, self.facts["images"]
        lines = [f"{facts['source']}: {plural(images['read'], 'image')} read, {images['used']:,} used"]
        for split, classes in facts["counts"].items():
            if any(classes.values()):
                shown = ", ".join(f"{count:,} {name}" for name, count in classes.items())
                lines.append(f"  {split:<13} {shown}")
        groups, colour = facts["groups"], facts["colour_baseline"]
        if groups["known"]:
            lines.append(f"  groups        {plural(groups['n'], 'slide or patient')}")
        found = "AUC {auc:.3f} ({low:.3f}–{high:.3f})".format(**colour) if "low" in colour else colour["reason"]
        lines.append(f"  colour alone  {found}")
        lines += [f"  {one['level']:<13} {one['title']}" for one in facts["findings"]]
        return "\n".join([*lines, f"look at   {self.folder / _PAGE}", f"figures   {self.folder / _FACTS}"])


def inspect(
    data: str,
    out: str | Path,
    *,
    overrides: Sequence[str] = (),
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> Inspection:
    """Look at a data set: classes, splits, duplicates, leaks, stain, and what colour alone gives.

    Args:
        data: The data's address.
        out: Folder for `index.html` and `inspect.json`; an inspection that is there is replaced.
        overrides: `data.key=value`.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.

    Raises:
        RecipeError: A key or a value is wrong.
        DataError: There is no such data, or nothing of it can be read.
        StorageError: `out` holds something else.
    """
    out, settings = Path(out), settings or Settings.from_environment()
    config = load_data_config(data, overrides)
    return Inspection(out, inspect_source(config, out, cache=settings.cache, progress=progress))


def inspect_source(config: DataConfig, out: Path, *, cache: Path, progress: Progress) -> dict[str, Any]:
    """Look at the data set that `config` describes; write `out/index.html` and `out/inspect.json`.

    Args:
        config: Names the source, and how training would split and check it.
        out: Folder to write; one that is there is replaced, if it is an inspection's or empty.
        cache: Folder that packed images are kept in.
        progress: Where to show how far it is.

    Returns:
        What `inspect.json` holds.

    Raises:
        DataError: There is no source, or it has no image that can be read.
        StorageError: The disk is full, `out` can't be written, or it holds something else.
    """
    _INSPECTION_FOLDER.check(out)
    if config.tile_size is not None:
        raise DataError(
            f"data.tile_size = {config.tile_size}: data inspect looks at whole images and says which sizes there "
            "are; leave data.tile_size out"
        )
    source = open_configured(config, cache, progress)
    packed = pack(source, cache, progress)
    near = near_copies(packed, progress)
    survey = _survey(source, packed, config, near)
    images = Images(packed.tiles, survey.table["row"].to_numpy())
    even, statistics = _read(images, progress)
    table = survey.table.assign(even=even, **dict(zip(STAIN_COLUMNS, statistics.T, strict=True)))
    facts = _facts(source, packed, config, survey, table)
    facts["near_duplicates"] = facts_of.near_duplicates(table, _pairs(table, near))
    facts["findings"] = findings(facts)
    with atomic_folder(out) as folder:
        write_json(folder / _FACTS, facts)
        write_inspection_page(facts, table, packed.tiles, folder / _PAGE)
    return facts


def _survey(source: Source, packed: Pack, config: DataConfig, near: pd.DataFrame) -> _Survey:
    refusal, manifest = "", None
    try:
        manifest = build_manifest(source, packed, config, near)
    except SentinodeError as error:
        refusal = str(error)
        try:
            dropping = config.model_copy(update=dict.fromkeys(_POLICIES, "drop"))
            manifest = build_manifest(source, packed, dropping, near)
        except SentinodeError:
            manifest = None  # refused whatever is dropped; the refusal above says why
    table = _table(source, packed, config)
    if table.empty:
        raise DataError(refusal or f"{config.source} has no labelled image that can be read; check the source")
    table["split"] = _splits(table, source, config, manifest)
    names = manifest.class_names if manifest else tuple(dict.fromkeys(_renamed(source.class_names, config)))
    excluded = manifest.exclusions if manifest else (*source.exclusions, *packed.exclusions)
    present = tuple(name for name in names if (table["label"] == name).any())
    positive = manifest.positive if manifest else source.positive
    return _Survey(table, present, positive, manifest, refusal, excluded)


def _renamed(names: Sequence[str], config: DataConfig) -> list[str]:
    return [config.rename.get(name, name) for name in names]


def _table(source: Source, packed: Pack, config: DataConfig) -> pd.DataFrame:
    """One line for each labelled image that was packed: id, label, group, source_split, row, pixels."""
    records = source.records
    table = packed.index.reset_index(drop=True)[["id", "row", "status", "pixels"]]
    table["label"] = [record.label and config.rename.get(record.label, record.label) for record in records]
    table["group"] = pd.Series([record.group for record in records], dtype=object)
    table["source_split"] = pd.Series([record.split for record in records], dtype=object)
    known = table["label"].isin(_renamed(source.class_names, config))
    return table[(table["status"] == "packed") & known].reset_index(drop=True)


def _splits(table: pd.DataFrame, source: Source, config: DataConfig, manifest: Manifest | None) -> list[str]:
    """The manifest's split of each image; of one that it left out, its copy's, or what the source's split becomes."""
    chosen = {split: getattr(config.split, split) for split in SPLITS}
    try:
        split_of = assign_splits({record.split for record in source.records if record.split is not None}, chosen)
    except DataError:
        split_of = {}
    kept: dict[int, str] = {}
    if manifest is not None:
        kept = dict(zip(manifest.table["row"].tolist(), manifest.table["split"].tolist(), strict=True))
    images = list(zip(table["row"].tolist(), table["source_split"].tolist(), table["pixels"].tolist(), strict=True))
    # A copy that was left out goes where the one that was kept went, if both lie in one split of the source.
    kept_at = {(split, pixels): kept[row] for row, split, pixels in images if row in kept}
    other = "unused" if split_of else "train"  # without splits, train is the pool that the others are cut out of
    return [
        kept.get(row) or kept_at.get((split, pixels)) or split_of.get(split) or other for row, split, pixels in images
    ]


def _read(images: Images, progress: Progress) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """One pass over the pixels: which are near-blank (N), and statistics of colour and stain (N, S)."""
    even, statistics = [], []
    for part in progress.slabs("looking", len(images), _CHUNK):
        tiles = images[part]
        even.append(Tones.of(tiles).even)
        statistics.append(stain_statistics(tiles))
    return np.concatenate(even), np.concatenate(statistics)


def _pairs(table: pd.DataFrame, near: pd.DataFrame) -> list[NearPair]:
    """Near duplicates by their places in the table; of images with the same pixels the first stands for all."""
    place = pd.Series(np.arange(len(table)), index=table["pixels"])
    place = place[~place.index.duplicated()]
    known = near[near["first"].isin(place.index) & near["second"].isin(place.index)]
    places = zip(place[known["first"]], place[known["second"]], known["correlation"], strict=True)
    return [NearPair(min(a, b), max(a, b), correlation) for a, b, correlation in places]


def _facts(source: Source, packed: Pack, config: DataConfig, survey: _Survey, table: pd.DataFrame) -> dict[str, Any]:
    names, manifest = survey.class_names, survey.manifest
    used = table[table["row"].isin(set(manifest.table["row"]))] if manifest else table.drop_duplicates("pixels")
    decoded = packed.index[packed.index["height"] > 0]
    sizes = Counter(zip(decoded["width"].tolist(), decoded["height"].tolist(), strict=True)).most_common()
    return {
        "format": _FORMAT,
        "source": source.address,
        "fingerprint": packed.fingerprint,
        "usable": not survey.refusal,
        "refusal": survey.refusal,
        "class_names": list(names),
        "positive": survey.positive,
        "mpp": config.mpp,
        "policies": {name: getattr(config, name) for name in _POLICIES},
        "images": {"in_source": len(source.records), "read": len(table), "used": len(used)},
        "sizes": [{"width": width, "height": height, "images": n} for (width, height), n in sizes],
        "split": {"made_by": manifest.grouping if manifest else "source",
                  "hash": manifest.split_hash if manifest else None},
        "counts": facts_of.counts(used, names),
        "groups": facts_of.groups(table[table["split"] != "unused"], names),
        "exclusions": facts_of.exclusions(survey.exclusions),
        "exact_duplicates": facts_of.exact_duplicates(table),
        "near_blank": facts_of.near_blank(table, names),
        "examples": facts_of.examples(used, names, max(6, _EXAMPLES // max(1, len(names)))),
        "colour": facts_of.colour(used, names),
        "colour_baseline": _baseline(used, names),
    }  # fmt: skip


def _baseline(used: pd.DataFrame, names: Sequence[str]) -> dict[str, Any]:
    labels = np.asarray(used["label"].map({name: place for place, name in enumerate(names)}), np.intp)
    train, validation = ((used["split"] == split).to_numpy().nonzero()[0] for split in ("train", "validation"))
    groups = None if used["group"].isna().any() else np.asarray(pd.factorize(used["group"])[0], np.intp)
    found = colour_baseline(used[list(COLOUR_COLUMNS)].to_numpy(), labels, train, validation, groups)
    return {"auc": None, "reason": found} if isinstance(found, str) else asdict(found)
