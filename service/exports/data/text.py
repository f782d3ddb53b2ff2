"""Tables as CSV, and everything as one JSON document."""

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO

from service.contracts.export import ExportedComparison, ExportedCurve, ExportedTrial
from service.contracts.metrics import Metric
from service.domain.records import TrialRecord
from service.domain.rows import PointColumns
from service.exports.data.columns import Kind, Row, Table
from service.exports.data.pieces import Out, Steps, some
from service.exports.data.source import Source

_ROWS = 2000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet compute a cell, where text begins with it."""

Cell = Callable[[object], object]


def write_csv(table: Table, out: Out) -> Steps:
    """A table with its header; numbers as they are read back bit for bit, what lacks is empty."""
    buffer = StringIO()
    writer = csv.writer(buffer)
    writer.writerow([column.name for column in table.columns])
    rewritten = [
        (place, _CELLS[column.kind])
        for place, column in enumerate(table.columns)
        if column.kind in _CELLS
    ]
    for rows in some(table.rows(), _ROWS):
        writer.writerows(_row(row, rewritten) for row in rows)
        out.write(buffer.getvalue().encode())
        buffer.seek(0)
        buffer.truncate()
        yield
    out.write(buffer.getvalue().encode())


def _row(row: Row, rewritten: list[tuple[int, Cell]]) -> Row:
    if not rewritten:
        return row
    cells = list(row)
    for place, cell in rewritten:
        if cells[place] is not None:
            cells[place] = cell(cells[place])
    return cells


def _text(value: object) -> str:
    """Text that no spreadsheet takes for a formula: an apostrophe goes before one."""
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _moment(value: object) -> str:
    assert isinstance(value, datetime)
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


_CELLS: dict[Kind, Cell] = {
    Kind.TEXT: _text,
    Kind.MOMENT: _moment,
    Kind.FLAG: lambda value: "true" if value else "false",
    Kind.NUMBERS: json.dumps,
}


def write_json(source: Source, out: Out) -> Steps:
    """The document of `contracts.export`, a trial a line."""
    head = _comparison(source).model_dump_json()
    out.write(f'{{"schema_version":1,"comparison":{head},"trials":['.encode())
    between = "\n"
    for trial, points in source.curves():
        out.write(f"{between}{_trial(trial, points).model_dump_json()}".encode())
        between = ",\n"
        yield
    out.write(b"\n]}\n")


def _comparison(source: Source) -> ExportedComparison:
    found = source.comparison
    return ExportedComparison(
        **{name: getattr(found, name) for name in ExportedComparison.model_fields}
    )


def _trial(trial: TrialRecord, points: PointColumns) -> ExportedTrial:
    own = {name: getattr(trial, name) for name in ExportedTrial.model_fields if name != "curve"}
    return ExportedTrial(**{**own, "settings": dict(trial.settings)}, curve=_curve(points))


def _curve(points: PointColumns) -> ExportedCurve:
    columns = {name: points.get(name, ()) for name in ExportedCurve.model_fields}
    for metric in Metric:
        if all(value is None for value in columns[metric]):
            columns[metric] = ()
    return ExportedCurve.model_validate(columns)
