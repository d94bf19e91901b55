"""The tables. A change here needs a step in `migrations/versions`, which a test compares with this."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Double, ForeignKey, Index, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


def now() -> str:
    """The time as it is kept: ISO 8601 in UTC, which sorts as text and means the same in every database."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Base(DeclarativeBase):
    """The base class of all tables."""


class PredictionRow(Base):
    """One answered image: what was asked by hash, and what was said."""

    __tablename__ = "predictions"

    id: Mapped[int] = mapped_column(primary_key=True)
    created: Mapped[str] = mapped_column(String(32), index=True)
    request_id: Mapped[str] = mapped_column(String(32), index=True)
    image_sha256: Mapped[str] = mapped_column(String(64), index=True)
    image_bytes: Mapped[int]
    image_width: Mapped[int]
    image_height: Mapped[int]
    stored: Mapped[bool]
    """Whether the image itself was kept."""
    prediction: Mapped[str] = mapped_column(String(200))
    confidence: Mapped[float] = mapped_column(Double)
    probabilities: Mapped[dict[str, float]] = mapped_column(JSON)
    low_confidence: Mapped[bool]
    threshold: Mapped[float | None] = mapped_column(Double)
    model_name: Mapped[str] = mapped_column(String(200))
    model_version: Mapped[str] = mapped_column(String(64))
    user_name: Mapped[str] = mapped_column(String(64))


class SlideRow(Base):
    """A slide's file and the random id that stands for it outside."""

    __tablename__ = "slides"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    place: Mapped[str] = mapped_column(String(16))
    """`folder`, `upload` or `deleted`."""
    file: Mapped[str] = mapped_column(String(255))
    created: Mapped[str] = mapped_column(String(32))

    __table_args__ = (Index("slides_by_file", "place", "file", unique=True),)


class ScanRow(Base):
    """A scan: asked for here, or found as a finished folder."""

    __tablename__ = "scans"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    slide_id: Mapped[str | None] = mapped_column(ForeignKey("slides.id"), index=True)
    """None for a found scan whose slide is not here."""
    slide_name: Mapped[str] = mapped_column(String(255))
    folder: Mapped[str] = mapped_column(String(512))
    """Relative to the folder of scans."""
    status: Mapped[str] = mapped_column(String(16), index=True)
    settings: Mapped[dict[str, Any]] = mapped_column(JSON)
    model_version: Mapped[str] = mapped_column(String(64))
    problem: Mapped[str | None] = mapped_column(Text)
    created: Mapped[str] = mapped_column(String(32), index=True)
    finished: Mapped[str | None] = mapped_column(String(32))
    slide_score: Mapped[float | None] = mapped_column(Double)
    slide_class: Mapped[str | None] = mapped_column(String(16))
    lesions: Mapped[int | None]
    threshold: Mapped[float | None] = mapped_column(Double)
    user_name: Mapped[str] = mapped_column(String(64))
    slide_model: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """name, score, threshold, positive of the slide model; None of a scan without one."""


class ReviewMarkRow(Base):
    """That somebody undid or restored a review. The last of a review's marks counts; none is changed or deleted."""

    __tablename__ = "review_marks"

    id: Mapped[int] = mapped_column(primary_key=True)
    review_id: Mapped[str] = mapped_column(ForeignKey("reviews.id"), index=True)
    undone: Mapped[bool]
    """Otherwise restored."""
    author: Mapped[str] = mapped_column(String(64))
    created: Mapped[str] = mapped_column(String(32))


class ReviewRow(Base):
    """What a person said of a lesion, or drew. Never changed or deleted: undoing is a mark."""

    __tablename__ = "reviews"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[int]
    """Number of the review among the scan's, in their order: a reviewer's later verdict goes before their earlier."""
    scan_id: Mapped[str] = mapped_column(ForeignKey("scans.id"))
    kind: Mapped[str] = mapped_column(String(16))
    """`verdict`, `lesion` (drawn) or `adjudication`."""
    lesion_id: Mapped[str | None] = mapped_column(String(64))
    verdict: Mapped[str | None] = mapped_column(String(16))
    polygon: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    comment: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(64))
    created: Mapped[str] = mapped_column(String(32))
    marks: Mapped[list[ReviewMarkRow]] = relationship(order_by=ReviewMarkRow.id, lazy="selectin")

    __table_args__ = (Index("reviews_in_order", "scan_id", "number", unique=True),)

    @property
    def undone(self) -> bool:
        """Whether it counts no longer."""
        return bool(self.marks) and self.marks[-1].undone

    @property
    def undone_by(self) -> str | None:
        """Who undid it."""
        return self.marks[-1].author if self.undone else None


class SessionRow(Base):
    """A browser that showed a token. Of its cookie only the hash is kept."""

    __tablename__ = "sessions"

    id_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_name: Mapped[str] = mapped_column(String(64))
    binding: Mapped[str] = mapped_column(String(64))
    """Digest of the cookie and the token that began it."""
    expires: Mapped[str] = mapped_column(String(32))


class VersionRow(Base):
    """A version of a model: a bundle by its hash, under a name. The bundle itself lies in a folder."""

    __tablename__ = "model_versions"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    folder: Mapped[str] = mapped_column(Text)
    """Where the copy was put that was made when the version was added."""
    created: Mapped[str] = mapped_column(String(32))


class ModelLogRow(Base):
    """What somebody did with a model. Never changed or deleted; where an alias points is its last row."""

    __tablename__ = "model_log"

    id: Mapped[int] = mapped_column(primary_key=True)
    created: Mapped[str] = mapped_column(String(32))
    user_name: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(16))
    """`add`, `promote`, `rollback` or `retire`."""
    name: Mapped[str] = mapped_column(String(64))
    alias: Mapped[str | None] = mapped_column(String(32))
    """That was moved; None of `add` and `retire`."""
    number: Mapped[int | None]
    """Number of the row among the alias's, from 1: of two that come at once one is refused."""
    from_sha256: Mapped[str | None] = mapped_column(String(64))
    to_sha256: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    forced: Mapped[bool]
    """Whether the gate was passed over."""
    gate: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """The gate's report, where there was one."""

    __table_args__ = (Index("model_log_in_order", "name", "alias", "number", unique=True),)


class GateRow(Base):
    """A candidate held against what an alias pointed to, passed or not. Never changed or deleted."""

    __tablename__ = "model_gates"

    id: Mapped[int] = mapped_column(primary_key=True)
    created: Mapped[str] = mapped_column(String(32))
    user_name: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(64))
    alias: Mapped[str] = mapped_column(String(32))
    champion_sha256: Mapped[str | None] = mapped_column(String(64))
    candidate_sha256: Mapped[str] = mapped_column(String(64))
    report: Mapped[dict[str, Any]] = mapped_column(JSON)

    __table_args__ = (Index("model_gates_of_pair", "name", "alias", "candidate_sha256"),)
