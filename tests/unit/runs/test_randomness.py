import random

import numpy as np
import torch

from diptych.runs.randomness import random_states, restore_random_states, seed_everything


def draw():
    return random.random(), np.random.rand(), np.random.normal(), torch.rand(3)  # noqa: NPY002


def same(a, b) -> bool:
    return a[:3] == b[:3] and torch.equal(a[3], b[3])


def test_restored_states_draw_the_same_numbers_again(tmp_path):
    seed_everything(3)
    draw()
    torch.save(random_states(), tmp_path / "states")
    expected = [draw(), draw()]
    restore_random_states(torch.load(tmp_path / "states", weights_only=True))
    assert all(same(draw(), e) for e in expected)


def test_one_seed_starts_every_generator():
    seed_everything(5)
    first = draw()
    seed_everything(5)
    assert same(draw(), first)
    seed_everything(6)
    assert not same(draw(), first)
