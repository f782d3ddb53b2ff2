"""Points have a validation loss and accuracies."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COLUMNS = ("validation_loss", "train_accuracy", "validation_accuracy", "test_accuracy")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("points", sa.Column(name, sa.Double(), nullable=True))


def downgrade() -> None:
    for name in reversed(COLUMNS):
        op.drop_column("points", name)
