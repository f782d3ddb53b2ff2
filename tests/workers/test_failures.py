"""A lack of memory is told from a bug by what torch really raises."""

import errno
import os

import pytest
import torch

from service.contracts.states import FailureKind
from workers.data import DataMissing
from workers.failures import classify
from workers.storage import at_the_storage


def test_torch_without_memory_on_the_cpu_is_a_lack_of_memory() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(10**14)
    assert classify(raised.value).kind is FailureKind.OUT_OF_MEMORY


def test_a_setting_beyond_single_precision_is_the_settings_fault() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.zeros(2).add_(torch.ones(2), alpha=1e60)
    assert classify(raised.value).kind is FailureKind.BAD_SETTING


def test_any_other_runtime_error_is_a_bug() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.zeros(2) @ torch.zeros(3)
    assert classify(raised.value).kind is FailureKind.BUG


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.ESTALE])
def test_a_storage_that_fails_is_no_fault_of_the_trial(number: int) -> None:
    with pytest.raises(OSError, match="the storage failed") as raised, at_the_storage():
        raise OSError(number, os.strerror(number))
    failure = classify(raised.value)
    assert failure.kind is FailureKind.LOST_WORKER
    assert os.strerror(number) in failure.message


def test_other_files_that_fail_are_a_bug() -> None:
    assert classify(OSError(errno.ENOSPC, "the problem's own file")).kind is FailureKind.BUG


def test_missing_data_is_told_in_its_own_words() -> None:
    told = "faces cannot be fetched: KBFGS_OFFLINE is set. Bring it by hand:\n  ADDRESS as FILE"
    assert classify(DataMissing(told)).message == told
