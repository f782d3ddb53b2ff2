"""The most memory of a trial, in a process that has trained others."""

import gc

import torch

from workers.memory import PeakMemory, Peaks

CPU = torch.device("cpu")
LARGE = 64 << 20


def hold_and_forget() -> None:
    torch.ones(LARGE, dtype=torch.uint8)


def test_it_rises_with_what_was_held_and_stays_there():
    memory = PeakMemory(CPU)
    before = memory.read().process
    hold_and_forget()
    after = memory.read().process
    assert before > 0
    assert after - before > 0.8 * LARGE
    assert memory.read().process >= after


def test_what_an_earlier_trial_held_is_not_in_it():
    hold_and_forget()
    before = PeakMemory(CPU).read().process
    memory = PeakMemory(CPU)
    assert memory.read().process < before + 0.2 * LARGE
    hold_and_forget()
    assert memory.read().process - before > 0.8 * LARGE


def test_what_an_earlier_trial_left_in_a_cycle_is_collected_first():
    gc.collect()
    before = PeakMemory(CPU).read().process
    cycle = [torch.ones(LARGE, dtype=torch.uint8)]
    cycle.append(cycle)
    del cycle
    assert PeakMemory(CPU).read().process < before + 0.2 * LARGE


def test_there_is_no_device_memory_without_a_device():
    assert PeakMemory(CPU).read().device == 0


def test_of_several_the_larger_ones_count():
    assert Peaks(3, 1).or_more(Peaks(2, 5), Peaks(1, 1)) == Peaks(3, 5)
