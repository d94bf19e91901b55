"""How the server runs, and the bounds that keep its memory and its answers in time."""

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from sentinode.store.database import url_in

_MIB = 1 << 20


class Limits(BaseModel):
    """Bounds; what is beyond one gets a 4xx or a 503 that says so. What they add up to: docs/serving.md."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_bytes: int = Field(default=16 * _MIB, ge=1)
    """Most bytes of one uploaded image, as it is sent."""
    image_pixels: int = Field(default=16_000_000, ge=1)
    """Most pixels of one uploaded image, decoded: 48 MB. A 100-megapixel PNG can be a file of a few kilobytes."""
    decode_s: float = Field(default=10.0, gt=0)
    """Longest time that a large or unusual image is decoded; then its process is ended."""
    decode_memory_bytes: int = Field(default=1024 * _MIB, ge=256 * _MIB)
    """Most memory that the process which decodes such images may write."""
    waiting_unusual_images: int = Field(default=16, ge=1)
    """Large or unusual images that wait for that process."""
    batch_files: int = Field(default=256, ge=1)
    """Images of one request to /predict/batch."""
    batch_bytes: int = Field(default=64 * _MIB, ge=1)
    """Most bytes of one request to /predict/batch."""
    slide_bytes: int = Field(default=16 << 30, ge=1)
    """Most bytes of one uploaded slide; it goes to the disk in pieces."""
    body_bytes_at_once: int = Field(default=256 * _MIB, ge=1)
    """Most bytes of all request bodies that are in memory."""
    waiting_images: int = Field(default=512, ge=1)
    """Images that wait for the model."""
    images_at_once: int = Field(default=16, ge=1)
    """Images that the model gets at a time."""
    batch_wait_s: float = Field(default=0.002, ge=0)
    """Longest time that an image waits for others to go through the model with, while there is room for a batch."""
    waiting_renders: int = Field(default=256, ge=1)
    """Tiles and other views of slides that wait to be drawn."""
    waiting_explanations: int = Field(default=8, ge=1)
    """Explanations that wait; each takes up to seconds."""
    view_s: float = Field(default=15.0, gt=0)
    """Longest time that a view of a slide, or the check of an uploaded one, may take; then its process is ended."""
    view_memory_bytes: int = Field(default=1280 * _MIB, ge=256 * _MIB)
    """Most memory that a process which draws slides may write; a plain image of 89 million pixels takes 900 MB."""
    open_slides: int = Field(default=4, ge=1)
    """Slides that each of the processes which draw keeps open."""
    slide_cache_bytes: int = Field(default=16 * _MIB, ge=0)
    """Decoded tiles that each open slide keeps."""
    rendered_bytes: int = Field(default=96 * _MIB, ge=0)
    """Encoded tiles, thumbnails and masks that are kept."""
    scan_silence_s: float = Field(default=3600.0, gt=0)
    """Longest time in which a scan gets no further; then its process is ended. A batch of 256 tiles may
    take half of it with a large transformer."""
    scan_memory_bytes: int = Field(default=8 << 30, ge=256 * _MIB)
    """Most memory that the process which scans may write: a large transformer takes some gigabytes."""
    kept_model_bytes: int = Field(default=1024 * _MIB, ge=0)
    """Most bytes of a bundle that is kept open after another took its place, so that a rollback is at once."""
    waiting_scans: int = Field(default=1000, ge=1)
    """Scans that wait for their turn."""
    connections: int = Field(default=1000, ge=1)
    """Connections at one time."""
    connections_of_address: int = Field(default=200, ge=1)
    """Connections of one address at one time; a trusted proxy may have as many as there may be."""
    streams: int = Field(default=100, ge=1)
    """Clients that may follow scans at one time."""


@dataclass(frozen=True)
class ServeConfig:
    """What a server is started with."""

    bundle: str
    state: Path
    """Folder for the database, uploads and kept images."""
    scans: Path
    """Folder of scans, as `sentinode scan --out` has it."""
    slides: Path | None = None
    """Folder of slides; read only."""
    annotations: Path | None = None
    """Folder of annotations; None: beside the slides."""
    database: str | None = None
    """SQLAlchemy URL; None: a SQLite file in `state`."""
    engine: str = "auto"
    threads: int = 1
    scan_niceness: int = 10
    """Niceness of the process that scans: at 10 the server's predictions get 0.9 of a processor that both want."""
    explain_niceness: int = 5
    """Niceness of the process that explains: behind predictions, before scans."""
    store_images: bool = False
    """Whether the uploaded images themselves are kept; otherwise only their hashes."""
    report: Path | None = None
    """The evaluation report's HTML; None: looked for beside the bundle."""
    users: Path | None = None
    """User file: names, roles and hashed tokens."""
    api_key: str | None = None
    """A token that may do everything."""
    names: tuple[str, ...] = ()
    """Names under which the server is known: pages of such a name are its own."""
    hosts: frozenset[str] | None = None
    """Names in a request's Host header that are answered; None: any."""
    origins: tuple[str, ...] = ()
    """Origins of other pages that may use the API from a browser."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks of proxies that are believed who asks, and whether by TLS."""
    root_path: str = ""
    """Path of the server behind its proxy, as `/sentinode`."""
    limits: Limits = field(default_factory=Limits)

    @property
    def uploads(self) -> Path:
        """Folder of uploaded slides."""
        return self.state / "uploads"

    @property
    def incoming(self) -> Path:
        """Folder of slides that are being uploaded and checked; nothing in it is ever listed."""
        return self.state / "incoming"

    @property
    def images(self) -> Path:
        """Folder of kept images."""
        return self.state / "images"

    @property
    def folders(self) -> list[Path]:
        """All that it reads and writes."""
        given = (self.state, self.scans, self.slides, self.annotations, Path(self.bundle))
        return [folder for folder in given if folder is not None and folder.is_absolute()]

    @property
    def database_url(self) -> str:
        """The database that is used."""
        return self.database or url_in(self.state)
