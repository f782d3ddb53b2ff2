"""Trials as TensorBoard's event files, a run directory each.

The format is written here: the libraries that write it load torch, which the web does without. A
file is records of an ``Event`` (tensorflow/core/util/event.proto), each framed as in TFRecord:
length, masked CRC-32C of the length, data, masked CRC-32C of the data.
"""

import math
import struct
from collections.abc import Iterator
from datetime import UTC, datetime

import google_crc32c

from service.contracts.metrics import Metric
from service.domain.records import TrialRecord
from service.domain.rows import PointColumns
from service.exports.data.pieces import Out, Steps

TAGS = (
    "epoch",
    "training_seconds",
    "elapsed_seconds",
    "process_seconds",
    "gradient_evaluations",
    *(metric.value for metric in Metric),
)
"""The scalars of a run, by optimizer step; TensorBoard keeps them in single precision."""
_LARGEST = 3.4028234663852886e38
"""Of single precision; what is larger is infinite there."""
_VERSION = b"brain.Event:2"


def run_directory(trial: TrialRecord) -> str:
    """``mnist-5k-autoencoder/kbfgs/finals-17``: groups of runs as TensorBoard shows them."""
    return f"{trial.problem}/{trial.contender}/{trial.kind}-{trial.number}"


def write_run(trial: TrialRecord, points: PointColumns, out: Out) -> Steps:
    """A trial's event file; a figure that is not finite, or was not measured, is left out."""
    began = (trial.started_at or datetime.fromtimestamp(0, UTC)).timestamp()
    out.write(_framed(_double(1, began) + _bytes(3, _VERSION)))
    out.write(b"".join(_framed(event) for event in _events(points, began)))
    yield


def _events(points: PointColumns, began: float) -> Iterator[bytes]:
    columns = (points["step"], points["elapsed_seconds"], *(points[tag] for tag in TAGS))
    for step, elapsed, *figures in zip(*columns, strict=True):
        values = (
            _bytes(1, name + _float(2, figure))
            for name, figure in zip(_NAMES, figures, strict=True)
            if figure is not None
        )
        assert step is not None
        assert elapsed is not None
        at = _double(1, began + elapsed) + _whole(2, int(step))
        yield at + _bytes(5, b"".join(values))


def _double(field: int, value: float) -> bytes:
    return struct.pack("<Bd", field << 3 | 1, value)


def _float(field: int, value: float) -> bytes:
    held = math.copysign(math.inf, value) if abs(value) > _LARGEST else value
    return struct.pack("<Bf", field << 3 | 5, held)


def _whole(field: int, value: int) -> bytes:
    return bytes((field << 3,)) + _varint(value)


def _bytes(field: int, content: bytes) -> bytes:
    return bytes((field << 3 | 2,)) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; a set high bit says that more follow."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _framed(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return b"".join((length, _checksum(length), data, _checksum(data)))


def _checksum(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    return struct.pack("<I", masked)


_NAMES = tuple(_bytes(1, tag.encode()) for tag in TAGS)
