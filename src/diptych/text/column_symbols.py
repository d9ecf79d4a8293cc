"""What a sentence of values says (`colour: red; size: small`), as symbols: one of each column.

The sentences are those of `diptych.text.columns`; data with `data.columns` have them.
"""

import logging
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.plain_types import DataSpec
from diptych.text.columns import values_of

_log = logging.getLogger(__name__)


class ColumnSymbols:
    """A fact for each column of the data; its symbols are the column's values, and one that it has a value.

    A value that is missing has no symbol, so that its fact is masked. A value that the data's training pictures do not
    have counts as missing, which is told once. `ValueError` for data without columns.
    """

    def __init__(self, *, data_spec: DataSpec) -> None:
        if not data_spec.columns:
            raise ValueError(
                f"text_encoder=columns reads values of a table's columns, and data {data_spec.name} has none: name "
                "them with data.columns=[…], or choose another text_encoder"
            )
        self.columns = {name: list(values) for name, values in data_spec.columns.items()}
        self.num_facts = len(self.columns)
        self.num_symbols = 1 + sum(map(len, self.columns.values()))
        self._starts = {}
        start = 1
        for name, values in self.columns.items():
            self._starts[name] = start
            start += len(values)
        self._has_told = False

    def __call__(self, texts: Sequence[str]) -> Float[Tensor, "sentences facts symbols"]:
        symbols = torch.zeros(len(texts), self.num_facts, self.num_symbols)
        for i, text in enumerate(texts):
            said = values_of(text)
            unknown = [f"{name}: {value}" for name, value in said.items() if value not in self.columns.get(name, ())]
            self._tell(unknown)
            for j, (name, values) in enumerate(self.columns.items()):
                if said.get(name) in values:
                    symbols[i, j, [0, self._starts[name] + values.index(said[name])]] = 1
        return symbols

    def _tell(self, unknown: list[str]) -> None:
        if unknown and not self._has_told:
            self._has_told = True
            _log.warning(
                "text_encoder=columns: %r is no value that training pictures have, so it says nothing (as will others "
                "like it, untold); they have %s",
                unknown[0],
                "; ".join(f"{name}: {' | '.join(values)}" for name, values in self.columns.items()),
            )
