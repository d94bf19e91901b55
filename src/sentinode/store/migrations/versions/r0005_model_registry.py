"""Versions of models, the log of what was done with them, and the reports of the gate.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "model_versions",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
    )
    op.create_table(
        "model_log",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("user_name", sa.String(64), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("alias", sa.String(32)),
        sa.Column("number", sa.Integer()),
        sa.Column("from_sha256", sa.String(64)),
        sa.Column("to_sha256", sa.String(64)),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("forced", sa.Boolean(), nullable=False),
        sa.Column("gate", sa.JSON()),
    )
    op.create_index("model_log_in_order", "model_log", ["name", "alias", "number"], unique=True)
    op.create_table(
        "model_gates",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("user_name", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("alias", sa.String(32), nullable=False),
        sa.Column("champion_sha256", sa.String(64)),
        sa.Column("candidate_sha256", sa.String(64), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
    )
    op.create_index("model_gates_of_pair", "model_gates", ["name", "alias", "candidate_sha256"])


def downgrade() -> None:
    """Drop them: what served when is no longer known."""
    for table in ("model_gates", "model_log", "model_versions"):
        op.drop_table(table)
