"""Undoing and restoring are rows of their own, so that no word is lost; a scan's reviews have each their number.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_LAST = "SELECT max(id) FROM review_marks AS later WHERE later.review_id = review_marks.review_id"


def upgrade() -> None:
    """Make a mark of what is undone."""
    op.create_table(
        "review_marks",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("review_id", sa.String(32), sa.ForeignKey("reviews.id"), nullable=False),
        sa.Column("undone", sa.Boolean(), nullable=False),
        sa.Column("author", sa.String(64), nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
    )
    op.create_index("ix_review_marks_review_id", "review_marks", ["review_id"])
    op.execute(
        "INSERT INTO review_marks (review_id, undone, author, created) "
        "SELECT id, true, coalesce(undone_by, author), undone FROM reviews WHERE undone IS NOT NULL ORDER BY undone"
    )
    _renumber()
    for column in ("number", "scan_id"):
        op.drop_index(f"ix_reviews_{column}", "reviews")
    op.create_index("reviews_in_order", "reviews", ["scan_id", "number"], unique=True)
    for column in ("undone", "undone_by"):  # not as a batch: that would copy the table, to which marks refer
        op.drop_column("reviews", column)


def _renumber() -> None:
    """From 1 on in each scan: two reviews that were saved at the same moment could have the same number."""
    bound = op.get_bind()
    last: dict[str, int] = {}
    for review_id, scan_id in bound.execute(
        sa.text("SELECT id, scan_id FROM reviews ORDER BY number, created, id")
    ).all():
        last[scan_id] = last.get(scan_id, 0) + 1
        bound.execute(
            sa.text("UPDATE reviews SET number = :number WHERE id = :id"), {"number": last[scan_id], "id": review_id}
        )


def downgrade() -> None:
    """Keep of the marks the last."""
    op.add_column("reviews", sa.Column("undone", sa.String(32)))
    op.add_column("reviews", sa.Column("undone_by", sa.String(64)))
    for column, value in (("undone", "created"), ("undone_by", "author")):
        op.execute(
            f"UPDATE reviews SET {column} = (SELECT {value} FROM review_marks "
            f"WHERE review_id = reviews.id AND undone AND id = ({_LAST}))"
        )
    op.drop_index("reviews_in_order", "reviews")
    for column in ("number", "scan_id"):
        op.create_index(f"ix_reviews_{column}", "reviews", [column])
    op.drop_table("review_marks")
