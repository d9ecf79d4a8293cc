"""Export the networks of a run to ONNX, each with its parity to torch; loops stay with whoever runs them.

torch's dynamo exporter traces each graph with a batch of two, and the batch stays free. A graph is kept only if
onnxruntime gives what torch gives at batches of 1, 3 and 17, to `TOLERANCE` of the output's range.
"""

import importlib
import inspect
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from diptych.config.errors import UserError
from diptych.runs.bundle.contents import contents_of
from diptych.runs.bundle.export import Figures, about
from diptych.runs.bundle.reading import built
from diptych.runs.bundle.writing import write_bundle
from diptych.runs.checkpoints import read_checkpoint
from diptych.systems.inference.graphs import Graph

BATCHES, TOLERANCE, OPSET = (1, 3, 17), 1e-4, 20
NEEDED = ("onnx", "onnxscript", "onnxruntime")


def export_onnx(handle: Any, out: Path, card: str, figures: Figures = ()) -> dict[str, Any]:
    """Write the export of ONNX to `out`; its description, which names in `left_out` what has no graph, and why.

    A `UserError` says so if nothing has one, or if a package is missing.
    """
    _check_packages()
    checkpoint = read_checkpoint(handle.checkpoint)
    system, tensors = contents_of(checkpoint, handle.system, handle.trust)
    networks = built(system, tensors, handle.trust)
    models: dict[str, bytes] = {}
    graphs: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    for name, make in networks.graphs().items():
        try:
            models[name], graphs[name] = exported(make())
        except Exception as error:  # the exporter raises errors of many kinds; all are told
            left_out[name] = _reason(error)
    if not graphs:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items()) or "it has no graphs"
        raise UserError(f"{type(handle.system).__name__} cannot be exported to ONNX: {reasons}")
    description = {
        **about(handle, "onnx", figures),
        "graphs": graphs,
        "left_out": left_out,
        "data_spec": system["data_spec"],
    }

    def fill(folder: Path) -> None:
        for name, content in models.items():
            (folder / f"{name}.onnx").write_bytes(content)

    write_bundle(out, description, card, fill, lambda folder: None)
    return description


def _reason(error: BaseException) -> str:
    """The first line of what was wrong in the first place, without the exporter's advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    line = next(iter(str(error).strip().splitlines()), "")
    return line if isinstance(error, ValueError) else f"{type(error).__name__}: {line}"


@torch.no_grad()
def exported(graph: Graph) -> tuple[bytes, dict[str, Any]]:
    """The file of a graph, and what it takes and gives, with its largest error at each batch."""
    module, example = graph.module.eval(), graph.example(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module,
            example,
            dynamo=True,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_shapes=_free_axes(graph),
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    content = program.model_proto.SerializeToString()
    told = {"inputs": _told(graph.inputs, example), "outputs": list(graph.outputs)}
    return content, {**told, "errors": checked(content, graph)}


def _free_axes(graph: Graph) -> tuple[Any, ...]:
    """The axes of any length, by the arguments of the module: the batch, and what grows."""
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length")
    grown = {name: {axis: length} for name, axis in graph.growing.items()}
    free = tuple({0: batch, **grown.get(name, {})} for name in graph.inputs)
    kinds = [p.kind for p in inspect.signature(graph.module.forward).parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL not in kinds:
        return free
    return (*free[: len(kinds) - 1], free[len(kinds) - 1 :])


def checked(content: bytes, graph: Graph) -> dict[str, float]:
    """The largest difference to torch at each batch, as a share of the output's range; `ValueError` above tolerance."""
    session = importlib.import_module("onnxruntime").InferenceSession(content, providers=["CPUExecutionProvider"])
    wanted = {given.name for given in session.get_inputs()}
    errors = {}
    for number in BATCHES:
        example = graph.example(number)
        with torch.no_grad():
            meant = graph.module(*example)
        inputs = {name: value.numpy() for name, value in zip(graph.inputs, example, strict=True) if name in wanted}
        said = session.run(None, inputs)
        outputs = meant if isinstance(meant, tuple) else (meant,)
        pairs = zip(graph.outputs, said, outputs, strict=True)
        errors[str(number)] = max(_error(name, torch.from_numpy(ours), theirs) for name, ours, theirs in pairs)
        if not errors[str(number)] <= TOLERANCE:
            raise ValueError(f"it differs from torch by {errors[str(number)]:.1e} of its range at a batch of {number}")
    return errors


def _error(name: str, ours: Tensor, theirs: Tensor) -> float:
    if ours.shape != theirs.shape:
        raise ValueError(f"{name} has shape {tuple(ours.shape)}, and {tuple(theirs.shape)} in torch")
    if not theirs.numel():
        return 0.0
    ours, theirs = ours.double(), theirs.double()
    span = float(theirs.max() - theirs.min())
    return float((ours - theirs).abs().max()) / max(span, 1e-6)


def _told(names: Any, tensors: tuple[Tensor, ...]) -> Mapping[str, Any]:
    """Each input's type and shape, without the batch."""
    return {
        name: {"type": str(tensor.dtype).removeprefix("torch."), "shape": list(tensor.shape[1:])}
        for name, tensor in zip(names, tensors, strict=True)
    }


def _check_packages() -> None:
    for package in NEEDED:
        try:
            importlib.import_module(package)
        except ModuleNotFoundError:
            raise UserError(f"--to onnx needs the package {package}: pip install diptych[onnx]") from None
