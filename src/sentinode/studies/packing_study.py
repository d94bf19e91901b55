"""`sentinode data pack`: a source decoded once into one memory-mapped array."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.messages import plural
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.data.address import open_source
from sentinode.data.pack import pack as pack_source


@dataclass(frozen=True)
class Packing:
    """Where a pack lies, and what is in it."""

    folder: Path
    images: int
    excluded: dict[str, int]
    """Images that could not be packed, by kind."""

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        return {"folder": str(self.folder), "images": self.images, "excluded": self.excluded}

    def summary(self) -> str:
        """Two lines for a person."""
        left_out = "".join(f"; {status}: {count:,}" for status, count in self.excluded.items())
        return f"packed    {plural(self.images, 'image')}{left_out}\nfolder    {self.folder}"


def pack(data: str, *, settings: Settings | None = None, progress: Progress = SILENT) -> Packing:
    """Decode every image of a source into the cache; training does this by itself on first use.

    Args:
        data: The data's address.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.

    Raises:
        DataError: There is no such data.
        StorageError: The disk is too full.
    """
    packed = pack_source(open_source(data), (settings or Settings.from_environment()).cache, progress)
    counts = packed.index["status"].value_counts().to_dict()
    images = counts.pop("packed", 0)
    return Packing(packed.folder, images, {str(kind): count for kind, count in counts.items()})
