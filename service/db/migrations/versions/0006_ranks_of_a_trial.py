"""Studies and points know how many ranks train a trial."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

COLUMNS = (("studies", "fewest_workers"), ("studies", "most_workers"), ("points", "ranks"))


def upgrade() -> None:
    for table, name in COLUMNS:
        op.add_column(table, sa.Column(name, sa.Integer(), nullable=False, server_default="1"))


def downgrade() -> None:
    for table, name in reversed(COLUMNS):
        op.drop_column(table, name)
