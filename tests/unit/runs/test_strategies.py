"""Which devices a run may request, and the refusals if this machine does not have them."""

import pytest
import torch

from diptych.config import UserError
from diptych.runs.distributed.strategies import check_can_be_sharded, resolve_devices
from diptych.runs.distributed.topology import Topology, inherited_topology, is_later_rank
from diptych.systems.captioning.system import Captioner
from diptych.systems.gan.system import GAN

ON_GPUS = {"accelerator": "gpu", "strategy": "ddp", "devices": None, "num_nodes": 1}


@pytest.fixture(autouse=True)
def _four_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    slurm = ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_STEP_NUM_TASKS", "MASTER_ADDR", "MASTER_PORT")
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "DIPTYCH_SWEEP", *slurm):
        monkeypatch.delenv(name, raising=False)


def test_all_visible_gpus_are_taken_unless_a_number_is_given():
    assert resolve_devices(ON_GPUS)["devices"] == 4
    assert resolve_devices({**ON_GPUS, "devices": 3})["devices"] == 3


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"devices": 5}, "trainer.devices=5: there are 4 here"),
        ({"devices": 0}, "trainer.devices=0: there are 4 here"),
        ({"strategy": None, "devices": 2}, "several devices take trainer=ddp"),
        ({"strategy": "deepspeed"}, "trainer.strategy='deepspeed': choose ddp, fsdp or null"),
    ],
)
def test_devices_that_this_machine_lacks_are_refused_in_one_message(settings, says):
    with pytest.raises(UserError, match=says):
        resolve_devices({**ON_GPUS, **settings})


def test_without_any_gpu_the_message_names_the_fix(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UserError, match=r"trainer=ddp: torch sees no CUDA device here; use trainer\.accelerator=cpu"):
        resolve_devices(ON_GPUS)


def test_a_run_of_a_sweep_takes_all_gpus_of_its_slot_or_is_refused(monkeypatch):
    monkeypatch.setenv("DIPTYCH_SWEEP", "evening")
    assert resolve_devices(ON_GPUS)["devices"] == 4
    with pytest.raises(UserError, match=r"slot of the sweep has 4 GPUs.*hydra\.launcher\.gpus_per_run=2"):
        resolve_devices({**ON_GPUS, "devices": 2})


def test_captioners_can_be_sharded_and_gans_are_refused_with_the_reason():
    check_can_be_sharded({"strategy": "fsdp"}, Captioner)
    check_can_be_sharded({"strategy": "ddp"}, GAN)
    with pytest.raises(UserError, match=r"GAN cannot be sharded.*averaged"):
        check_can_be_sharded({"strategy": "fsdp"}, GAN)


def test_processes_of_torchrun_take_its_ranks(monkeypatch):
    given = {"RANK": 5, "LOCAL_RANK": 1, "WORLD_SIZE": 8, "MASTER_ADDR": "there", "MASTER_PORT": 29500}
    for name, value in given.items():
        monkeypatch.setenv(name, str(value))
    settings = {**ON_GPUS, "devices": 4, "num_nodes": 2}
    assert is_later_rank()
    assert inherited_topology(settings) == Topology(5, 1, 8, "there", 29500, is_inherited=True)
    with pytest.raises(UserError, match=r"torchrun has started 8 processes.*is 4: make them equal"):
        inherited_topology({**settings, "num_nodes": 1})


BATCH_SCRIPT = {"SLURM_JOB_ID": 1234567, "SLURM_NTASKS": 4, "SLURM_PROCID": 0, "SLURM_LOCALID": 0}
"""The variables that SLURM sets in a batch script of sbatch."""


def test_a_batch_script_with_several_tasks_is_one_process_and_starts_the_others_itself(monkeypatch):
    for name, value in BATCH_SCRIPT.items():
        monkeypatch.setenv(name, str(value))
    assert inherited_topology({**ON_GPUS, "devices": 4}) is None


def test_processes_of_srun_take_the_ranks_of_their_step(monkeypatch):
    step = {"SLURM_STEP_NUM_TASKS": 8, "SLURM_STEP_NODELIST": "gpu[07-08]", "SLURM_PROCID": 5, "SLURM_LOCALID": 1}
    for name, value in (BATCH_SCRIPT | step).items():
        monkeypatch.setenv(name, str(value))
    settings = {**ON_GPUS, "devices": 4, "num_nodes": 2}
    assert inherited_topology(settings) == Topology(5, 1, 8, "gpu07", 19567, is_inherited=True)


def test_several_machines_are_refused_without_torchrun_or_srun():
    with pytest.raises(UserError, match=r"trainer\.num_nodes=2.*torchrun or srun"):
        inherited_topology({**ON_GPUS, "devices": 4, "num_nodes": 2})
