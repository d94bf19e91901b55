"""Scans keep what a slide model said of the slide.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of scans that are there it is empty."""
    op.add_column("scans", sa.Column("slide_model", sa.JSON()))


def downgrade() -> None:
    """Drop it: it stands in the scans' folders, too."""
    op.drop_column("scans", "slide_model")
