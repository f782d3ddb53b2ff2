"""Trials and points read back by the libraries that people use: the same values, bit for bit."""

import csv
import io
import json
import math
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from service.contracts.events import MetricPoint
from service.contracts.export import Export
from service.contracts.forms import DataForm, DataTable
from service.contracts.metrics import Metric
from service.contracts.usage import Phase
from service.exports.data.writing import write_data
from tests.support.exported import COMPARISON, EVERY, FAILED, FIRST, HOSTILE, START, THIRD, Held

FIGURES = [name for name in MetricPoint.model_fields if name != "cost"]


def written(form: DataForm, table: DataTable | None = None) -> bytes:
    return b"".join(write_data(Held(), form, table))


def csv_rows(table: DataTable) -> list[dict[str, str]]:
    text = written(DataForm.CSV, table).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def parquet(table: DataTable) -> pa.Table:
    return pq.read_table(io.BytesIO(written(DataForm.PARQUET, table)))


def stored_points() -> list[tuple[str, MetricPoint]]:
    return [(trial.id, point) for trial, points in EVERY for point in points]


def test_csv_has_every_point_bit_for_bit_and_nothing_for_what_is_not_finite() -> None:
    rows = csv_rows(DataTable.POINTS)
    assert [row["trial_id"] for row in rows] == [trial for trial, _ in stored_points()]
    for row, (_, point) in zip(rows, stored_points(), strict=True):
        for name in FIGURES:
            kept = getattr(point, name)
            assert row[name] == ("" if kept is None else repr(kept))
    frame = pd.read_csv(io.BytesIO(written(DataForm.CSV, DataTable.POINTS)))
    assert frame.train_loss[1] == 1e-300
    assert frame.train_loss[2] == THIRD
    assert math.isnan(frame.train_loss[5])
    assert frame.training_seconds.dtype == "float64"


def test_csv_has_a_column_for_each_setting_and_harmless_text() -> None:
    first, diverged, failed = csv_rows(DataTable.TRIALS)
    assert first["settings.damping"] == repr(THIRD)
    assert first["settings.memory"] == "100"
    assert first["settings.warm_start"] == "true"
    assert first["settings.betas"] == ""
    assert json.loads(diverged["settings.betas"]) == [0.9, 0.999]
    assert first["searched"] == "damping lr"
    assert (failed["state"], failed["failure"]) == ("failed", "out_of_memory")
    assert failed["message"] == f"'{HOSTILE}"
    assert diverged["message"].startswith("'+1")
    assert (diverged["best_loss"], failed["best_loss"]) == (repr(THIRD), "")
    assert first["started_at"] == "2026-03-02T09:30:01.250000Z"
    assert (first["first_pass_seconds"], first["gradient_bytes"]) == ("1.5", str(2**40))


def test_parquet_has_typed_columns_and_words_by_dictionary() -> None:
    schema = pq.ParquetFile(io.BytesIO(written(DataForm.PARQUET, DataTable.TRIALS))).schema_arrow
    wanted = {
        "contender": pa.dictionary(pa.int32(), pa.string()),
        "message": pa.string(),
        "seed": pa.int64(),
        "best_loss": pa.float64(),
        "started_at": pa.timestamp("us", tz="UTC"),
        "settings.lr": pa.float64(),
        "settings.memory": pa.int64(),
        "settings.betas": pa.list_(pa.float64()),
        "settings.warm_start": pa.bool_(),
        "settings.schedule": pa.string(),
    }
    assert {name: schema.field(name).type for name in wanted} == wanted
    assert schema.metadata[b"kbfgs.comparison_id"] == COMPARISON.id.encode()
    assert schema.metadata[b"kbfgs.name"] == COMPARISON.name.encode()


def test_parquet_has_every_value_bit_for_bit() -> None:
    points = parquet(DataTable.POINTS).to_pylist()
    for row, (trial, point) in zip(points, stored_points(), strict=True):
        assert row["trial_id"] == trial
        assert {name: row[name] for name in FIGURES} == {
            name: getattr(point, name) for name in FIGURES
        }
    first, diverged, failed = parquet(DataTable.TRIALS).to_pylist()
    assert first["settings.damping"] == THIRD
    assert diverged["settings.lr"] == 3.0
    assert diverged["settings.betas"] == [0.9, 0.999]
    assert failed["message"] == HOSTILE, "no spreadsheet opens it"
    assert first["started_at"] == START
    frame = parquet(DataTable.POINTS).to_pandas()
    lowest = frame.groupby("contender", observed=True).train_loss.min()
    assert lowest.to_dict() == {"kbfgs": 1e-300, "adam": 100.0}


def test_several_files_come_as_a_zip() -> None:
    for form in (DataForm.CSV, DataForm.PARQUET):
        archive = zipfile.ZipFile(io.BytesIO(written(form)))
        assert archive.testzip() is None
        assert archive.namelist() == [f"trials.{form}", f"points.{form}"]
        for table in DataTable:
            assert archive.read(f"{table}.{form}") == written(form, table)


def test_json_is_the_documented_document() -> None:
    document = json.loads(written(DataForm.JSON))
    read = Export.model_validate(document)
    assert read.comparison.name == COMPARISON.name
    assert [trial.id for trial in read.trials] == [trial.id for trial, _ in EVERY]
    for trial, (kept, points) in zip(read.trials, EVERY, strict=True):
        assert trial.settings == dict(kept.settings)
        assert trial.environment == kept.environment
        for metric in (Metric.TRAIN_LOSS, Metric.TEST_LOSS):
            assert getattr(trial.curve, metric) == tuple(point.value(metric) for point in points)
        assert trial.curve.process_seconds == tuple(point.process_seconds for point in points)
    assert document["trials"][1]["curve"]["train_loss"] == [100.0, 1e60, None]
    assert document["trials"][0]["curve"]["validation_loss"] == []
    assert document["trials"][0]["usage"]["phases"] == {Phase.FIRST_PASS: 1.5}


def test_tensorboard_reads_a_run_for_each_trial(tmp_path: Path) -> None:
    archive = zipfile.ZipFile(io.BytesIO(written(DataForm.TENSORBOARD)))
    archive.extractall(tmp_path)
    assert [name for name in archive.namelist() if "tfevents" not in name] == ["trials.csv"]
    runs = sorted(path.parent for path in tmp_path.rglob("*tfevents*"))
    assert [str(run.relative_to(tmp_path)) for run in runs] == [
        "mnist-5k-autoencoder/adam/finals-1",
        "mnist-5k-autoencoder/kbfgs/finals-0",
    ], "a trial without points has no run"
    diverged, first = (EventAccumulator(str(run)).Reload() for run in runs)
    scalars = first.Scalars("train_loss")
    points = EVERY[0][1]
    assert [entry.step for entry in scalars] == [point.step for point in points]
    assert [entry.wall_time for entry in scalars] == [
        START.timestamp() + point.elapsed_seconds for point in points
    ]
    assert [entry.value for entry in scalars] == pytest.approx([100.0, 0.0, THIRD], rel=1e-7)
    assert [entry.value for entry in first.Scalars("epoch")] == [0, 1, 2]
    assert "validation_loss" not in first.Tags()["scalars"]
    assert [entry.value for entry in diverged.Scalars("train_loss")] == [100.0, math.inf]


@pytest.mark.parametrize("form", DataForm)
def test_the_same_rows_give_the_same_bytes(form: DataForm) -> None:
    assert written(form) == written(form)


def test_no_curve_is_read_before_the_pieces_before_it_were_taken() -> None:
    long = EVERY[0][1] * 3000
    source = Held(every=tuple((trial, long) for trial in (FIRST, FIRST, FAILED)))
    taken = write_data(source, DataForm.CSV, DataTable.POINTS)
    assert source.read == []
    next(taken)
    assert source.read == [FIRST.id]
    assert sum(map(len, taken)) > 1_000_000
    assert len(source.read) == 3


def test_without_a_trial_there_are_headers_alone() -> None:
    source = Held(every=())
    for table in DataTable:
        (header,) = b"".join(write_data(source, DataForm.CSV, table)).splitlines()
        assert header.startswith((b"comparison_id,", b"trial_id,"))
        file = io.BytesIO(b"".join(write_data(source, DataForm.PARQUET, table)))
        assert pq.read_table(file).num_rows == 0
    assert (
        Export.model_validate_json(b"".join(write_data(source, DataForm.JSON, None))).trials == ()
    )


def test_moments_are_utc_wherever_the_clock_was() -> None:
    assert datetime.fromisoformat(csv_rows(DataTable.TRIALS)[0]["started_at"]) == START
    assert START.tzinfo is UTC
