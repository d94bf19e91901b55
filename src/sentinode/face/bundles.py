"""A bundle and the engine that runs it, for arrays that are in memory already."""

from pathlib import Path

from sentinode.core.settings import Settings
from sentinode.face.arguments import as_text
from sentinode.models import bundle as bundles
from sentinode.models.bundle import Bundle
from sentinode.models.engines import engine_factory
from sentinode.models.engines.engine import Engine


def open_bundle(bundle: str | Path) -> Bundle:
    """Open a bundle, and check that every file is the one that was written.

    Args:
        bundle: Its folder, or the name of one that is shipped.

    Examples:
        >>> sn.open_bundle("pcam").info.classes.names
        ('normal', 'tumour')

    Raises:
        ArgumentError: `bundle` is neither a text nor a path.
        BundleError: There is no such bundle, or it is damaged.
    """
    return bundles.open_bundle(as_text("bundle", bundle, '"pcam"'))


def open_engine(bundle: str | Path | Bundle, engine: str | None = None, *, settings: Settings | None = None) -> Engine:
    """Load a bundle into an engine, and check that it answers the bundle's example as recorded.

    Args:
        bundle: From `sn.open_bundle`, or what that takes.
        engine: `openvino`, `torch`, or `auto`, the default: torch where it finds a CUDA device, otherwise OpenVINO.
        settings: The machine's; None: by the environment.

    Returns:
        `engine.predict(tiles)` takes (N, H, W, 3) uint8 and gives probabilities (N, classes) and embedding (N, D).

    Examples:
        >>> tiles = sn.open_bundle("pcam").example()["tiles"]
        >>> sn.open_engine("pcam").predict(tiles).probabilities.shape == (len(tiles), 2)
        True

    Raises:
        ArgumentError: `bundle` is neither a text nor a path nor a bundle.
        BundleError: There is no such bundle, it is damaged, or it answers differently than recorded.
        MissingExtraError: The engine is not installed.
    """
    opened = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
    threads = (settings or Settings.from_environment()).threads
    return engine_factory.open_engine(opened, engine or "auto", threads=threads)
