"""ONNX exports; the parity of every graph at batches 1, 3 and 17 is checked inside `export_onnx`."""

import json

import numpy as np
import pytest
import torch
from untrained import untrained_run

from diptych.config import UserError
from diptych.runs.bundle import onnx as exporting
from diptych.runs.bundle.onnx import checked, export_onnx
from diptych.runs.load import load
from diptych.systems.inference.graphs import Graph
from diptych.types import BOS_ID, EOS_ID


def test_a_missing_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(exporting, "NEEDED", ("no_such_package",))
    with pytest.raises(UserError, match=r"needs the package no_such_package: pip install diptych\[onnx\]"):
        export_onnx(None, tmp_path / "out", "")


@pytest.fixture
def runtime():
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package, reason="ONNX exports need the extra `onnx`")
    return pytest.importorskip("onnxruntime", reason="ONNX exports need the extra `onnx`")


@pytest.mark.slow
def test_a_gan_in_onnxruntime_generates_what_its_run_generates(runtime, tmp_path):
    run = load(untrained_run(tmp_path, "small_text_gan", "name=gan").path)
    export_onnx(run, tmp_path / "export", "the card\n")
    sentences = run.system.sample_sentences[:3]
    tokens = run.system._tokenized(sentences).tokens
    latents = torch.randn(3, run.system.generator.latent_dim)
    session = runtime.InferenceSession(tmp_path / "export" / "generator.onnx")
    (images,) = session.run(None, {"latents": latents.numpy(), "tokens": tokens.numpy()})
    networks = run.system.generating_networks(run.system.options())
    meant = networks["generator"](latents, networks["text_encoder"](run.system._tokenized(sentences))).clamp(-1, 1)
    assert np.abs(images - meant.detach().numpy()).max() <= 1e-4
    description = json.loads((tmp_path / "export" / "diptych.json").read_text())
    assert set(description["graphs"]["generator"]["errors"]) == {"1", "3", "17"}
    with pytest.raises(UserError, match="is an export to onnx, which needs no diptych"):
        load(tmp_path / "export")


@pytest.mark.slow
@pytest.mark.parametrize("decoder", ["lstm_attention", "lstm"])
def test_greedy_captions_of_a_loop_over_graphs_are_those_of_the_run(decoder, runtime, tmp_path):
    narrow = ("~caption_decoder.attention_dim",) if decoder == "lstm" else ()
    folder = untrained_run(tmp_path, "small_captioner", "name=captioner", f"caption_decoder={decoder}", *narrow)
    run = load(folder.path)
    graphs = export_onnx(run, tmp_path / "export", "the card\n")["graphs"]
    begin, step = (runtime.InferenceSession(tmp_path / "export" / f"{name}.onnx") for name in ("encoder", "step"))
    pictures = torch.rand(3, 3, 32, 32) * 2 - 1
    held = dict(zip(graphs["encoder"]["outputs"], begin.run(None, {"images": pictures.numpy()}), strict=True))
    tokens, said = np.full(3, BOS_ID), []
    asked = {given.name for given in step.get_inputs()}
    for _ in range(run.data_spec.max_length - 1):
        fed = {name: value for name, value in ({"tokens": tokens} | held).items() if name in asked}
        logits, *state = step.run(None, fed)
        logits[:, [0, BOS_ID]] = -np.inf
        tokens = logits.argmax(axis=1)
        said.append(tokens)
        held |= dict(zip((name for name in held if name.startswith("state_")), state, strict=True))
    rows = [[*row[: list(row).index(EOS_ID)]] if EOS_ID in row else list(row) for row in np.stack(said, axis=1)]
    assert [run.tokenizer.decode(row) for row in rows] == [caption.text for caption in run.caption(list(pictures))]


def test_a_graph_that_differs_from_torch_is_refused(monkeypatch):
    class Session:
        def __init__(self, *args, **kwargs):
            pass

        def get_inputs(self):
            return []

        def run(self, names, inputs):
            return [np.array([[0.0, 1.0 + 2e-4]], dtype=np.float32)]

    class Doubled(torch.nn.Module):
        def forward(self, numbers):
            return torch.tensor([[0.0, 1.0]])

    graph = Graph(Doubled(), ("numbers",), ("doubled",), lambda number: (torch.zeros(number),))
    runtime = type("Runtime", (), {"InferenceSession": Session})
    monkeypatch.setattr(exporting.importlib, "import_module", lambda name: runtime)
    with pytest.raises(ValueError, match=r"it differs from torch by 2\.0e-04 of its range at a batch of 1"):
        checked(b"", graph)
