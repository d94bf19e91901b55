"""The first tables.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "predictions",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("request_id", sa.String(32), nullable=False),
        sa.Column("image_sha256", sa.String(64), nullable=False),
        sa.Column("image_bytes", sa.Integer(), nullable=False),
        sa.Column("image_width", sa.Integer(), nullable=False),
        sa.Column("image_height", sa.Integer(), nullable=False),
        sa.Column("stored", sa.Boolean(), nullable=False),
        sa.Column("prediction", sa.String(200), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("probabilities", sa.JSON(), nullable=False),
        sa.Column("low_confidence", sa.Boolean(), nullable=False),
        sa.Column("threshold", sa.Double()),
        sa.Column("model_name", sa.String(200), nullable=False),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.Column("user_name", sa.String(64), nullable=False),
    )
    for column in ("created", "request_id", "image_sha256"):
        op.create_index(f"ix_predictions_{column}", "predictions", [column])
    op.create_table(
        "slides",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("place", sa.String(16), nullable=False),
        sa.Column("file", sa.String(255), nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
    )
    op.create_index("slides_by_file", "slides", ["place", "file"], unique=True)
    _scans_and_reviews()
    op.create_table(
        "sessions",
        sa.Column("id_sha256", sa.String(64), primary_key=True),
        sa.Column("user_name", sa.String(64), nullable=False),
        sa.Column("expires", sa.String(32), nullable=False),
    )


def _scans_and_reviews() -> None:
    op.create_table(
        "scans",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("slide_id", sa.String(32), sa.ForeignKey("slides.id")),
        sa.Column("slide_name", sa.String(255), nullable=False),
        sa.Column("folder", sa.String(512), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.Column("problem", sa.Text()),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("finished", sa.String(32)),
        sa.Column("slide_score", sa.Double()),
        sa.Column("slide_class", sa.String(16)),
        sa.Column("lesions", sa.Integer()),
        sa.Column("threshold", sa.Double()),
        sa.Column("user_name", sa.String(64), nullable=False),
    )
    for column in ("slide_id", "status", "created"):
        op.create_index(f"ix_scans_{column}", "scans", [column])
    op.create_table(
        "reviews",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("scan_id", sa.String(32), sa.ForeignKey("scans.id"), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("lesion_id", sa.String(64)),
        sa.Column("verdict", sa.String(16)),
        sa.Column("polygon", sa.JSON()),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("author", sa.String(64), nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("undone", sa.String(32)),
        sa.Column("undone_by", sa.String(64)),
    )
    for column in ("number", "scan_id"):
        op.create_index(f"ix_reviews_{column}", "reviews", [column])


def downgrade() -> None:
    """Drop them."""
    for table in ("sessions", "reviews", "scans", "slides", "predictions"):
        op.drop_table(table)
