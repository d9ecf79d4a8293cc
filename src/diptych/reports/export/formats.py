"""The formats of an export: who writes it, how its model card says that it is used, and how long loading it takes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from diptych.reports.export.card import USE
from diptych.runs.bundle.export import export_weights
from diptych.runs.bundle.onnx import export_onnx

LOAD_RUN = """
import torch
import time
before = time.process_time()
import diptych
diptych.load(sys.argv[1], trust=sys.argv[2:])
"""
LOAD_GRAPHS = """
import time, pathlib
before = time.process_time()
import onnxruntime
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.onnx")):
    onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
"""
USE_GRAPHS = """
Each `NAME.onnx` is one pass of a network, for any batch; `diptych.json` names its inputs and outputs with their types
and shapes (without the batch), and its largest difference to torch at batches of 1, 3 and 17, as a share of the
output's range. Tokens are numbers in the vocabulary of `data_spec`, from <bos> to <eos>, padded with 0 to its
`max_length`. Images are in [-1, 1].

```python
import onnxruntime

network = onnxruntime.InferenceSession("FOLDER/NAME.onnx")
outputs = network.run(None, {{"INPUT": array}})
```

Loops are the caller's: the steps of a solver, the words of a caption (`step` after `encoder`, each with the state that
it gave before).
"""


@dataclass(frozen=True)
class Format:
    """A format; `loading` is a program whose last line has set `before`, the process's seconds before loading."""

    write: Callable[..., dict[str, Any]]
    usage: str
    loading: str


FORMATS = {
    "safetensors": Format(export_weights, USE, LOAD_RUN),
    "onnx": Format(export_onnx, USE_GRAPHS, LOAD_GRAPHS),
}
