"""Features of whole slides: what a frozen network makes of every tissue tile, a bag for each slide."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from sentinode.core.errors import SlideError
from sentinode.core.extras import job
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.face.arguments import as_path, as_paths, as_text, as_texts

if TYPE_CHECKING:
    from sentinode.models.mil.bag import Bag


@overload
def slide_features(name: str | Path, slides: str | Path, out: str | Path, **options: Any) -> "Bag": ...
@overload
def slide_features(name: str | Path, slides: Sequence[str | Path], out: str | Path, **options: Any) -> "list[Bag]": ...
@job("crossval,scan")
def slide_features(
    name: str | Path,
    slides: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    overrides: Sequence[str] | None = None,
    settings: Settings | None = None,
    progress: bool = False,
    **options: Any,
) -> "Bag | list[Bag]":
    """Compute the features of all tissue tiles of a slide, or of several, as `sentinode features --slides` does.

    What was stopped goes on with the same call; what is finished is not computed again.

    Args:
        name: A bundle (folder or shipped name), or an architecture.
        slides: A slide's file; or several files and folders of slides.
        out: Gets NAME.h5 for each slide, in the layout of TRIDENT and CLAM, and `features.csv`.
        overrides: `features.model.key=value`, for an architecture.
        settings: The machine's; None: by the environment.
        progress: Show how far it is.
        options: What else the command takes: `tile_size` (pixels, for an architecture), `model_mpp` (µm/px of the
            tiles, likewise), `region` (level-0 pixels), `stride` (pixels at the model's µm/px), `mpp` (µm/px of level
            0), `threads`, `engine`, and the other fields of `sentinode.scanning.tiling_config.TilingConfig`.

    Returns:
        The slide's bag: `features()` float32 (N, D), read from the file as they are asked for; `coords` int64 (N, 2),
        level-0 pixels; `scores` float32 (N, K), a bundle's probabilities, else None. Of several slides those that have
        one, in their order: `features.csv` says why others have none.

    Examples:
        >>> bag = sn.slide_features("pcam", "slide.tif", out="slide-bags")
        >>> bag.features().shape, bag.coords.shape, bag.scores.shape
        ((38, 3840), (38, 2), (38, 2))

    Raises:
        ArgumentError: An argument is of another kind, such as None for a path.
        SlideError: The slide has no features, and why; or the path is a folder's.
        SentinodeError: An option is wrong, or the network can't be had or takes other tiles.
        StorageError: The disk is full, or `out` holds something else.
    """
    from sentinode.models.mil.bag_file import BAG_SUFFIX, read_bag
    from sentinode.studies.slide_feature_study import write_slide_features

    single = isinstance(slides, str | Path)
    paths = as_paths("slides", slides, '"node.svs"')
    if single and paths[0].is_dir():
        raise SlideError(f"{slides} is a folder; give [{str(slides)!r}] for the features of each slide in it")
    # `tissue=None` is an answer: features of all of the slide.
    given = {option: value for option, value in options.items() if value is not None or option == "tissue"}
    done = write_slide_features(
        as_text("name", name, '"pcam"'), paths, as_path("out", out, '"bags"'),
        overrides=as_texts("overrides", overrides, '"features.model.input_size=128"'), settings=settings,
        progress=Progress(progress), **given,
    )  # fmt: skip
    if single and (failure := done.outcomes[0].failure):
        raise SlideError(failure.message)
    bags = [read_bag(done.folder / f"{one.name}{BAG_SUFFIX}") for one in done.outcomes if one.header]
    return bags[0] if single else bags
