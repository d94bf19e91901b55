"""What a model looks at: maps over images or over tiles of a slide."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.extras import job
from sentinode.core.messages import plural
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.face.arguments import as_path, as_paths, as_text

if TYPE_CHECKING:
    from sentinode.studies.explanation_study import Explanations as Finished

_SHOWN = 12
"""Overlays in a notebook."""


@dataclass(frozen=True, repr=False)
class Explanations:
    """Maps of one or more methods over images. A notebook shows the first overlays; `page` has all of them."""

    finished: "Finished"

    @property
    def page(self) -> Path:
        """The page to look at."""
        return self.finished.folder / "index.html"

    @property
    def records(self) -> list[dict[str, Any]]:
        """One for each image: what is predicted, and for each map how far it is to be trusted."""
        return self.finished.records

    def map(self, place: int = 0, method: str | None = None) -> NDArray[np.float32]:
        """(H, W): a map of the image at `place`, more where more speaks for the class; None: the first method's."""
        record = self.records[place]
        name = method or record["maps"][0]["method"]
        values: NDArray[np.float32] = np.load(self.finished.folder / record["folder"] / f"{name}.npy")
        return values

    def __repr__(self) -> str:
        return f"Explanations({plural(len(self.records), 'image')}, {self.page})"

    def _repr_html_(self) -> str:
        folder = self.finished.folder
        maps = [(record["folder"], map_["method"]) for record in self.records for map_ in record["maps"]]
        paths = [folder / name / f"{method}-overlay.png" for name, method in maps]
        pictures = (base64.b64encode(path.read_bytes()).decode("ascii") for path in paths[:_SHOWN])
        return "".join(f'<img alt="" src="data:image/png;base64,{picture}">' for picture in pictures)


@job("explain")
def explain(
    bundle: str | Path,
    images: str | Path | Sequence[str | Path] | None = None,
    *,
    out: str | Path,
    methods: str | Sequence[str] | None = None,
    target: str | None = None,
    checks: bool = True,
    settings: Settings | None = None,
    progress: bool = False,
    **options: Any,
) -> Explanations:
    """Show what speaks for a class in images or in tiles of a slide, and how far the maps are to be trusted.

    Args:
        bundle: Its folder, or the name of one that is shipped.
        images: Image files, folders or glob patterns, or one of them; None where a slide is given.
        out: Folder for the page, the overlays and the maps.
        methods: Names of methods, or one text with commas between them; None: the first that
            fits the bundle.
        target: The class to explain; None: the positive one.
        checks: Measure how far each map is to be trusted; slow.
        settings: The machine's; None: by the environment.
        progress: Show how far it is.
        options: What else the command takes: `layer`, `single_look`, `resize`, `slide` with `at` or `scan`, `top`,
            `mpp`, `series`, `engine`.

    Examples:
        >>> looks = sn.explain("pcam", "patches/test/tumour/0.png", out="why", checks=False, single_look=True)
        >>> looks.map().shape
        (96, 96)

    Raises:
        ArgumentError: An argument is of another kind, such as None for a path.
        SentinodeError: Not either images or a slide, a method or class that there is not, or no image that can be read.
    """
    from sentinode.studies import explanation_study

    named = () if images is None else as_paths("images", images, '"patch.png"')
    finished = explanation_study.explain(
        as_text("bundle", bundle, '"pcam"'), named, out=as_path("out", out, '"why"'), methods=methods,
        target=target, checks=checks, settings=settings, progress=Progress(progress), **options,
    )  # fmt: skip
    return Explanations(finished)
