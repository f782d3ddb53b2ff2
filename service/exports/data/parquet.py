"""Tables as Parquet: typed columns, names and words by dictionary."""

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from service.domain.records import ComparisonRecord
from service.exports.data.columns import Kind, Table
from service.exports.data.pieces import Out, Steps, some

_ROWS = 20_000
"""Of a row group."""
_TYPES = {
    Kind.WORD: pa.dictionary(pa.int32(), pa.string()),
    Kind.TEXT: pa.string(),
    Kind.WHOLE: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.NUMBERS: pa.list_(pa.float64()),
    Kind.FLAG: pa.bool_(),
    Kind.MOMENT: pa.timestamp("us", tz="UTC"),
}


def write_parquet(table: Table, of: ComparisonRecord, out: Out) -> Steps:
    """A table; its metadata name the comparison."""
    about = {"kbfgs.comparison_id": of.id, "kbfgs.name": of.name, "kbfgs.schema_version": "1"}
    fields = [(column.name, _TYPES[column.kind]) for column in table.columns]
    schema = pa.schema(fields, metadata=about)
    with pq.ParquetWriter(_Writable(out), schema, compression="zstd") as writer:
        for rows in some(table.rows(), _ROWS):
            columns = zip(*rows, strict=True)
            arrays = [_array(list(c), field) for c, field in zip(columns, schema, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema), row_group_size=_ROWS)
            yield
    yield


def _array(values: list[object], field: Any) -> Any:
    if pa.types.is_dictionary(field.type):
        return pa.array(values, pa.string()).dictionary_encode()
    return pa.array(values, field.type)


class _Writable:
    """What Arrow asks of a file that is written from its beginning to its end."""

    closed = False

    def __init__(self, out: Out) -> None:
        self._out = out
        self._written = 0

    def write(self, content: bytes) -> int:
        """Hand it on."""
        self._written += len(content)
        return self._out.write(bytes(content))

    def tell(self) -> int:
        """How much was written."""
        return self._written

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """What is beneath is closed by whoever opened it."""

    def writable(self) -> bool:
        """It is."""
        return True

    def readable(self) -> bool:
        """It is not."""
        return False

    def seekable(self) -> bool:
        """It is not."""
        return False
