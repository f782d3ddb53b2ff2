"""Studies know how many ranks train each of their trials."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COLUMNS = ("fewest_workers", "most_workers")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("studies", sa.Column(name, sa.Integer(), nullable=False, server_default="1"))


def downgrade() -> None:
    for name in reversed(COLUMNS):
        op.drop_column("studies", name)
