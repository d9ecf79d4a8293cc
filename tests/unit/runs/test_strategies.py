"""Which devices a run may ask for, and what is said where this machine cannot give them."""

import pytest
import torch

from diptych.config import UserError
from diptych.runs.places import Place, inherited_place, is_begun_beside
from diptych.runs.strategies import check_can_be_sharded, settled
from diptych.systems.captioner import Captioner
from diptych.systems.gan import GAN

ON_GPUS = {"accelerator": "gpu", "strategy": "ddp", "devices": None, "num_nodes": 1}


@pytest.fixture(autouse=True)
def _four_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "SLURM_PROCID", "SLURM_NTASKS", "DIPTYCH_SWEEP"):
        monkeypatch.delenv(name, raising=False)


def test_all_visible_gpus_are_taken_unless_a_number_is_given():
    assert settled(ON_GPUS)["devices"] == 4
    assert settled({**ON_GPUS, "devices": 3})["devices"] == 3


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"devices": 5}, "trainer.devices=5: there are 4 here"),
        ({"devices": 0}, "trainer.devices=0: there are 4 here"),
        ({"strategy": None, "devices": 2}, "several devices take trainer=ddp"),
        ({"strategy": "deepspeed"}, "trainer.strategy='deepspeed': choose ddp, fsdp or null"),
    ],
)
def test_what_this_machine_cannot_give_is_refused_in_one_message(settings, says):
    with pytest.raises(UserError, match=says):
        settled({**ON_GPUS, **settings})


def test_without_any_gpu_the_message_names_the_way_out(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UserError, match=r"trainer=ddp: torch sees no CUDA device here; use trainer\.accelerator=cpu"):
        settled(ON_GPUS)


def test_a_run_of_a_sweep_takes_all_gpus_of_its_slot_or_is_refused(monkeypatch):
    monkeypatch.setenv("DIPTYCH_SWEEP", "evening")
    assert settled(ON_GPUS)["devices"] == 4
    with pytest.raises(UserError, match=r"slot of the sweep has 4 GPUs.*hydra\.launcher\.gpus_per_run=2"):
        settled({**ON_GPUS, "devices": 2})


def test_captioners_can_be_sharded_and_gans_are_refused_with_the_reason():
    check_can_be_sharded({"strategy": "fsdp"}, Captioner)
    check_can_be_sharded({"strategy": "ddp"}, GAN)
    with pytest.raises(UserError, match=r"GAN cannot be sharded.*averaged"):
        check_can_be_sharded({"strategy": "fsdp"}, GAN)


def test_processes_that_torchrun_has_started_take_the_places_it_gives_them(monkeypatch):
    given = {"RANK": 5, "LOCAL_RANK": 1, "WORLD_SIZE": 8, "MASTER_ADDR": "there", "MASTER_PORT": 29500}
    for name, value in given.items():
        monkeypatch.setenv(name, str(value))
    settings = {**ON_GPUS, "devices": 4, "num_nodes": 2}
    assert is_begun_beside()
    assert inherited_place(settings) == Place(5, 1, 8, "there", 29500, is_inherited=True)
    with pytest.raises(UserError, match=r"torchrun has started 8 processes.*is 4: make them equal"):
        inherited_place({**settings, "num_nodes": 1})


def test_several_machines_are_refused_where_nobody_has_started_their_processes():
    with pytest.raises(UserError, match=r"trainer\.num_nodes=2.*torchrun or srun"):
        inherited_place({**ON_GPUS, "devices": 4, "num_nodes": 2})
