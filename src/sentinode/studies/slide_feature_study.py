"""`sentinode features --slides`: the features of all tissue tiles of slides, a bag for each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.errors import SentinodeError
from sentinode.core.messages import plural
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.models.bundle import open_bundle
from sentinode.models.bundle_info import Input
from sentinode.models.engines.engine_factory import engine_name
from sentinode.models.extractor import open_extractor
from sentinode.models.feature_space import FeatureSpace
from sentinode.models.pretrained_bundle import is_pretrained_bundle, open_pretrained_bundle
from sentinode.scanning.feature_queue import TABLE_FILE, features_of_slides
from sentinode.scanning.outcome import table_of_failures
from sentinode.scanning.slide_features import FeatureOutcome, FeatureWork
from sentinode.scanning.tiling_config import Machine, TilingConfig, TilingPlan
from sentinode.slides.slide_list import list_slides
from sentinode.studies.slide_options import checked_config
from sentinode.training.features.feature_config import FeaturesConfig
from sentinode.training.features.feature_recipe import load_network_features


@dataclass(frozen=True)
class SlideFeatures:
    """How each slide came out, and where the bags are."""

    folder: Path
    space: FeatureSpace
    outcomes: list[FeatureOutcome]
    """Of each slide."""

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        return {
            "folder": str(self.folder),
            "space": {"kind": self.space.kind, "name": self.space.name, "sha256": self.space.sha256},
            "slides": [
                {
                    "name": one.name,
                    "status": "failed" if one.failure else "finished",
                    "tiles": one.header.tiles if one.header else None,
                    "unreadable": one.header.facts.unreadable if one.header else None,
                    "first_unreadable": list(one.messages),
                    "features": one.header.size if one.header else None,
                    "failure": one.failure.model_dump(mode="json") if one.failure else None,
                    "reused": one.reused,
                }
                for one in self.outcomes
            ],
        }

    def summary(self) -> str:
        """A line for a person."""
        done = [one for one in self.outcomes if one.header]
        tiles = sum(one.header.tiles for one in done if one.header)
        counts = f"{len(done)} of {plural(len(self.outcomes), 'slide')}, {plural(tiles, 'tile')}"
        return f"features by {self.space.name}: {counts}; table in {self.folder / TABLE_FILE}"

    def warnings(self) -> list[str]:
        """A table of the slides that failed; nothing where all went well."""
        return table_of_failures("no features", [(one.name, one.failure) for one in self.outcomes if one.failure])


def write_slide_features(
    name: str,
    slides: Sequence[str | Path],
    out: str | Path,
    *,
    overrides: Sequence[str] = (),
    tile_size: int | None = None,
    region: str | Sequence[int] | None = None,
    threads: int | None = None,
    tell: Callable[[str], None] | None = None,
    settings: Settings | None = None,
    progress: Progress = SILENT,
    **config: Any,
) -> SlideFeatures:
    """Write the features of all tissue tiles of slides: `out`/NAME.h5 for each, and `features.csv`.

    A slide that fails does not stop the rest. Stopped in any way, the same call goes on; what is finished is not
    computed again.

    Args:
        name: A bundle (folder or shipped name) or an architecture.
        slides: Files, or folders that hold them.
        out: Folder for the bags.
        overrides: `features.model.key=value`, for an architecture.
        tile_size: Side of the tiles in pixels; an architecture does not say it, a bundle does.
        region: `X,Y,W,H` or four numbers, a level-0 rectangle: tiles touching it.
        threads: CPU threads; None: those of the settings.
        tell: Called with a line for each slide as its outcome is known.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.
        config: Fields of `TilingConfig`, such as `stride_px=48`.

    Raises:
        SentinodeError: A field is wrong, or the network can't be had or takes other tiles.
        StorageError: The disk is full, or `out` holds something else. What was finished is kept.
    """
    checked = checked_config(TilingConfig, region, config)
    network = load_network_features(name, overrides)
    paths = list_slides([Path(slide) for slide in slides])
    machine = Machine(threads or (settings or Settings.from_environment()).threads)
    work = _work(name, network, checked, tile_size, machine.threads)
    told = None if tell is None else lambda one: tell(outcome_line(one))
    outcomes = features_of_slides(work, paths, Path(out), machine, progress, told)
    return SlideFeatures(Path(out), work.extractor.space, outcomes)


def _work(name: str, network: FeaturesConfig, config: TilingConfig, tile_size: int | None, threads: int) -> FeatureWork:
    bundle = open_bundle(network.bundle) if network.bundle else None
    if bundle and tile_size not in (None, bundle.info.input.tile_size):
        own = f"bundle {bundle.info.name} takes tiles of {bundle.info.input.tile_size} px"
        raise SentinodeError(f"{own}, not of {tile_size} px; leave out --tile-size")
    if bundle and bundle.info.input.stain:
        raise SentinodeError(
            f"bundle {bundle.info.name} normalises stain, and features of slides are of tiles as they are; use "
            'one that was trained with stain.normalise = "none"'
        )
    if bundle:
        bundle.info.refuse_context("features are of tiles alone")
    known = bundle.info.input if bundle else _pretrained_input(name)
    size = tile_size or (known.tile_size if known else None)
    if size is None:
        raise SentinodeError(
            f"{name} does not say the size of its tiles; give it in pixels, for example --tile-size 224"
        )
    spec = config.spec(f"bundle {bundle.info.name}" if bundle else name, size, known.mpp if known else None)
    engine = engine_name(config.engine, bundle.info.precision if bundle else "float32")
    extractor = open_extractor(bundle, network.model, tile_size=size, engine=config.engine, threads=threads)
    return FeatureWork(extractor, engine, TilingPlan(config, config.sha256(), spec, config.read_tissue_model()))


def _pretrained_input(name: str) -> Input | None:
    """What a pretrained bundle has learned from; None where the name is of something else."""
    return open_pretrained_bundle(name).info.input if is_pretrained_bundle(name) else None


def outcome_line(one: FeatureOutcome) -> str:
    """What a slide gave, in one line."""
    name = " ".join(one.name.split())  # a line each, whatever the file is called
    if one.header is None:
        return f"{name}: failed while {one.failure.stage}" if one.failure else f"{name}: nothing"
    unread = one.header.facts.unreadable
    parts = [plural(one.header.tiles, "tile") + (f", {plural(unread, 'tile')} unreadable" if unread else "")]
    parts += ["finished before"] if one.reused else [f"{one.tiles_per_s:,.0f} tiles/s"] if one.tiles_per_s else []
    return f"{name}: {'; '.join(parts)}"
