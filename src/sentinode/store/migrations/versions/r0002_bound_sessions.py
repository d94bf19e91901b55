"""Sessions are bound to the token that began them. Those of before are ended: nothing says which token began them.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """End all sessions, and ask of new ones what they are bound to."""
    op.execute("DELETE FROM sessions")
    with op.batch_alter_table("sessions") as table:
        table.add_column(sa.Column("binding", sa.String(64), nullable=False))


def downgrade() -> None:
    """End all sessions: bound to nothing they would outlive their token again."""
    op.execute("DELETE FROM sessions")
    with op.batch_alter_table("sessions") as table:
        table.drop_column("binding")
