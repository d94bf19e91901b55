"""A look at a data set before anything learns from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentinode.core.extras import job
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.face.arguments import as_path, as_text, as_texts
from sentinode.face.notebook import html_table

if TYPE_CHECKING:
    from sentinode.studies.inspection_study import Inspection as Finished


@dataclass(frozen=True, repr=False)
class Inspection:
    """What is in a data set. A notebook shows the first figures; `page` has all of them."""

    finished: "Finished"

    @property
    def page(self) -> Path:
        """The page to look at."""
        return self.finished.folder / "index.html"

    @property
    def facts(self) -> dict[str, Any]:
        """The content of `inspect.json`."""
        return self.finished.facts

    def __repr__(self) -> str:
        return f"Inspection({self.page})"

    def _repr_html_(self) -> str:
        plain = [(name, value) for name, value in self.facts.items() if not isinstance(value, dict | list)]
        return html_table(("fact", "value"), plain, repr(self))


@job("evaluate")
def inspect(
    data: str | Path,
    out: str | Path,
    *,
    overrides: Sequence[str] | None = None,
    settings: Settings | None = None,
    progress: bool = False,
) -> Inspection:
    """Look at a data set: classes, splits, duplicates, leaks, stain, and what colour alone gives.

    Args:
        data: The data's address, as `folder:DIR`, or its path.
        out: Folder for the page.
        overrides: `data.key=value`.
        settings: The machine's; None: by the environment.
        progress: Show how far it is.

    Examples:
        >>> sn.inspect("folder:patches", out="look").page.is_file()
        True

    Raises:
        ArgumentError: An argument is of another kind, such as None for a path.
        DataError: The data is not what its layout says.
    """
    from sentinode.studies import inspection_study

    finished = inspection_study.inspect(
        as_text("data", data, '"folder:patches"'), as_path("out", out, '"look"'),
        overrides=as_texts("overrides", overrides, '"data.on_leak=drop"'), settings=settings,
        progress=Progress(progress),
    )  # fmt: skip
    return Inspection(finished)
