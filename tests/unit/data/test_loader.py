import os
import pickle
import random
import signal
import subprocess
import sys
import time
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from diptych.data import Example, ExampleRequest, Stream
from diptych.data.loading import loader as loading
from diptych.data.loading.collate import Collate
from diptych.data.loading.loader import Loader
from diptych.text import Vocabulary, WordTokenizer

COLLATE = Collate(WordTokenizer(Vocabulary.of_words(["a"])), image_size=2)


class Faulty:
    """Fails in some way at its 21st example."""

    size = None

    def __init__(self, fault):
        self.fault = fault

    def __getitem__(self, request: ExampleRequest) -> Example:
        if request.index == 20:
            self.fault()
        return Example(str(request.index), ("a",), ("a",), image=torch.zeros(1, 2, 2))


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


def _send_to_itself(number):
    os.kill(os.getpid(), number)
    if signal.getsignal(number) != signal.SIG_IGN:
        raise ValueError("the worker answered the signal itself")


def _break():
    raise ValueError("picture 20 is bad")


def _global_randomness():
    numpy_state = np.random.get_state()[1].tolist()  # noqa: NPY002
    return {"torch": torch.get_rng_state(), "numpy": numpy_state, "python": random.getstate()}


def _same(batch, other) -> bool:
    return (
        torch.equal(batch.images, other.images)
        and torch.equal(batch.tokens, other.tokens)
        and (batch.keys, batch.references, batch.scenes) == (other.keys, other.references, other.scenes)
    )


@pytest.mark.parametrize("kind", ["digits", "scenes"])
def test_batches_do_not_depend_on_the_number_of_workers(kind, request):
    build = request.getfixturevalue(kind)
    torch.set_num_threads(2)
    here, workers = (islice(build(num_workers=n).train_dataloader(), 6) for n in (0, 2))
    assert all(_same(a, b) for a, b in zip(here, workers, strict=True))


@pytest.mark.parametrize("kind", ["digits", "scenes"])
def test_loading_leaves_global_randomness_alone(kind, request):
    data = request.getfixturevalue(kind)(num_workers=0)
    before = _global_randomness()
    for loader in (data.train_dataloader(), data.val_dataloader(), data.test_dataloader()):
        list(islice(loader, 2))
    after = _global_randomness()
    assert torch.equal(before["torch"], after["torch"])
    assert before["numpy"] == after["numpy"]
    if kind == "digits":  # the run-time type checker, which tests put into `world`, draws from Python's generator
        assert before["python"] == after["python"]


def test_starting_workers_leaves_global_randomness_alone(digits):
    before = torch.get_rng_state()
    next(iter(digits(num_workers=1).train_dataloader()))
    assert torch.equal(before, torch.get_rng_state())


def test_collating_leaves_the_number_of_threads_alone(scenes):
    torch.set_num_threads(2)
    next(iter(scenes().train_dataloader()))
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2])
def test_a_worker_ignores_the_signals_of_the_run(number):
    heard = []
    before = signal.signal(number, lambda *_: heard.append(number))
    try:
        stream = Stream(size=None, batch_size=4, seed=0)
        loader = Loader(Faulty(partial(_send_to_itself, number)), stream, collate=COLLATE, num_workers=1)
        assert len(list(islice(loader, 10))) == 10
    finally:
        signal.signal(number, before)
    assert heard == []


def test_a_worker_ignores_signals_while_it_starts(monkeypatch):
    begin = loading._init_worker

    def struck(worker):
        for number in loading.RUN_SIGNALS:
            os.kill(os.getpid(), number)
        begin(worker)

    monkeypatch.setattr(loading, "_init_worker", struck)
    heard = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    stream = Stream(size=None, batch_size=4, seed=0)
    assert len(list(islice(Loader(Faulty(_break), stream, collate=COLLATE, num_workers=1), 3))) == 3
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == heard


def test_a_command_ends_after_an_error_in_its_data():
    """Its workers outlive the error, which refers to them, and ignore the SIGTERM that Python sends at exit."""
    program = (
        "from diptych.data import Stream; from test_loader import COLLATE, Faulty, Loader, _break\n"
        "stream = Stream(size=None, batch_size=4, seed=0)\n"
        "list(Loader(Faulty(_break), stream, collate=COLLATE, num_workers=1))"
    )
    here = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])}
    ended = subprocess.run([sys.executable, "-c", program], env=here, capture_output=True, text=True, timeout=100)
    assert ended.returncode == 1
    assert "ValueError: picture 20 is bad" in ended.stderr


# torch's SIGCHLD handler raises wherever the main process is, so a socket that it just opened may never be closed
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_error_names_a_killed_worker():
    stream = Stream(size=None, batch_size=4, seed=0)
    with pytest.raises(RuntimeError, match=r"a data worker died \(process \d+ killed by signal 9\)"):
        list(islice(Loader(Faulty(_die), stream, collate=COLLATE, num_workers=2), 40))


@pytest.mark.parametrize("kind", ["digits", "scenes"])
def test_data_and_collation_can_be_pickled_for_a_worker(kind, request):
    data = request.getfixturevalue(kind)()
    loader = data.train_dataloader()
    examples, collate = pickle.loads(pickle.dumps((loader.dataset, loader.collate_fn)))
    assert _same(collate([examples[ExampleRequest(3, 7)]]), loader.collate_fn([loader.dataset[ExampleRequest(3, 7)]]))


@pytest.mark.parametrize("num_workers", [0, 1])
def test_an_error_in_the_data_keeps_its_message(num_workers):
    stream = Stream(size=None, batch_size=4, seed=0)
    with pytest.raises(ValueError, match="picture 20 is bad"):
        list(islice(Loader(Faulty(_break), stream, collate=COLLATE, num_workers=num_workers), 40))


def test_what_is_waited_for_counts_from_the_second_batch_on():
    class Slow:
        size = None

        def __getitem__(self, request: ExampleRequest) -> Example:
            time.sleep(0.05)
            return Example(str(request.index), ("a",), ("a",), image=torch.zeros(1, 2, 2))

    loader = Loader(Slow(), [[ExampleRequest(i)] for i in range(3)], collate=COLLATE, num_workers=0)
    batches = iter(loader)
    next(batches)
    assert loader.waited_seconds == 0
    assert len([*batches]) == 2
    assert 0.1 <= loader.waited_seconds < 5
