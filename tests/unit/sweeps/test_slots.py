"""Slots divide a machine's cores and GPUs."""

import pytest

from diptych.config import UserError
from diptych.sweeps.slots import Machine, Resources, Slot, slots_of

BOX = Machine(16, ("0", "1", "2", "3"))
LAPTOP = Machine(8)


def places(**wishes) -> list[tuple[str, ...]]:
    return [slot.gpus for slot in slots_of(Resources(**wishes), BOX)]


def test_by_default_a_run_has_a_gpu_or_the_whole_machine():
    assert places() == [("0",), ("1",), ("2",), ("3",)]
    assert slots_of(Resources(), LAPTOP) == [Slot(0, (), None)]


def test_runs_share_gpus_and_the_first_ones_use_different_gpus():
    assert places(gpus_per_run=0.5) == [("0",), ("1",), ("2",), ("3",)] * 2
    assert len(places(gpus_per_run=0.25)) == 16
    assert len(places(gpus_per_run=0.3)) == 12
    assert places(gpus_per_run=0.5, slots=5) == [("0",), ("1",), ("2",), ("3",), ("0",)]


def test_one_run_may_have_several_gpus():
    assert places(gpus_per_run=2) == [("0", "1"), ("2", "3")]
    assert places(gpus_per_run=3) == [("0", "1", "2")]


def test_slots_share_the_cores():
    assert [slot.threads for slot in slots_of(Resources(), BOX)] == [4] * 4
    assert slots_of(Resources(threads_per_run=2), LAPTOP) == [Slot(i, (), 2) for i in range(4)]
    assert slots_of(Resources(slots=2), LAPTOP) == [Slot(i, (), 4) for i in range(2)]
    assert slots_of(Resources(slots=2, threads_per_run=1), LAPTOP) == [Slot(i, (), 1) for i in range(2)]
    assert len(slots_of(Resources(threads_per_run=99), LAPTOP)) == 1


def test_a_slots_environment_names_its_share():
    assert Slot(0, ("2", "3"), 4).environment == {"CUDA_VISIBLE_DEVICES": "2,3", "OMP_NUM_THREADS": "4"}
    assert Slot(0).environment == {}


@pytest.mark.parametrize(
    ("wishes", "says"),
    [
        ({"slots": 0}, "slots=0"),
        ({"threads_per_run": 0}, "threads_per_run=0"),
        ({"gpus_per_run": 1.5}, r"gpus_per_run=1\.5"),
        ({"gpus_per_run": -1}, "gpus_per_run=-1"),
        ({"gpus_per_run": 5}, "only 4 visible GPUs"),
        ({"gpus_per_run": 2, "slots": 3}, "there are 2 slots"),
    ],
)
def test_impossible_shares_are_refused(wishes, says):
    with pytest.raises(UserError, match=says):
        slots_of(Resources(**wishes), BOX)


def test_gpus_per_run_without_a_gpu_is_refused():
    with pytest.raises(UserError, match="no visible GPU"):
        slots_of(Resources(gpus_per_run=1), LAPTOP)


def test_a_machine_has_the_gpus_of_cuda_visible_devices(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-5")
    assert Machine.here().gpus == ("3", "GPU-5")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert Machine.here().gpus == ()
