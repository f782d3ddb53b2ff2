"""A comparison's data in any of their forms, as pieces of a file."""

from collections.abc import Iterator
from functools import partial
from typing import assert_never

from service.contracts.forms import DataForm, DataTable
from service.exports.data.columns import table_of
from service.exports.data.pieces import Out, Steps, Write, pieces, zipped
from service.exports.data.source import Source


def write_data(source: Source, form: DataForm, table: DataTable | None) -> Iterator[bytes]:
    """The file in pieces; what is read of the source is what the next piece needs.

    Args:
        source: The comparison's trials and curves.
        form: The form.
        table: One table alone, of a form that has tables; all of them as a zip by default.
    """
    return pieces(partial(_write, source, form, table))


def _write(source: Source, form: DataForm, table: DataTable | None, out: Out) -> Steps:
    # Each form is imported where it is asked for: Arrow is large.
    match form:
        case DataForm.CSV | DataForm.PARQUET:
            if table is not None:
                return _writer(source, form, table)(out)
            files = ((f"{one}.{form}", _writer(source, form, one)) for one in DataTable)
            return zipped(files, out, packed=form is DataForm.CSV)
        case DataForm.JSON:
            from service.exports.data.text import write_json

            return write_json(source, out)
        case DataForm.TENSORBOARD:
            return zipped(_runs(source), out, packed=True)
        case _:
            assert_never(form)


def _writer(source: Source, form: DataForm, table: DataTable) -> Write:
    if form is DataForm.PARQUET:
        from service.exports.data.parquet import write_parquet

        return partial(write_parquet, table_of(source, table), source.comparison)
    from service.exports.data.text import write_csv

    return partial(write_csv, table_of(source, table))


def _runs(source: Source) -> Iterator[tuple[str, Write]]:
    """An event file for each trial that has points, and the table of all trials."""
    from service.exports.data.tensorboard import run_directory, write_run

    yield "trials.csv", _writer(source, DataForm.CSV, DataTable.TRIALS)
    for trial, points in source.curves():
        if points:
            name = f"{run_directory(trial)}/events.out.tfevents.0.kbfgs"
            yield name, partial(write_run, trial, points)
