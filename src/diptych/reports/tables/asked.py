"""What a table asks of its runs: words of an evaluation, those with one sampling option varied, and what answers them.

A run's folder keeps every result that it was ever given. One answers the words if it was measured on as many examples
and with the same sampling options, those of the family where the words name none.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from diptych.config import components
from diptych.evaluation.request import AS_USUAL
from diptych.evaluation.results import Evaluation
from diptych.reports.tables.declaration import Table
from diptych.runs.sampling_options import as_values, options_from, separated

NUM, NO_SKILLS = "--num", "--no-skills"


class Varied(NamedTuple):
    """One value of a sampling option, and the words of the evaluation with it."""

    option: str
    value: Any
    words: tuple[str, ...]


def varied(table: Table) -> Iterator[Varied]:
    """Every value that the table varies, one option at a time, with fewer examples and without skills."""
    words = list(table.evaluate)
    if NUM in words:
        del words[words.index(NUM) : words.index(NUM) + 2]
    usual = [word for word in words if word != NO_SKILLS]
    for option, values in (table.vary or {}).items():
        kept = [word for word in usual if not word.startswith(f"{option}=")]
        for value in values:
            yield Varied(option, value, (*kept, NUM, str(table.vary_num), NO_SKILLS, f"{option}={value}"))


def answering(results: Sequence[Evaluation], words: Sequence[str], config: Mapping[str, Any]) -> list[Evaluation]:
    """The results that answer the words, for a run of this configuration."""
    num, sampling = num_of(words), sampling_of(words, config)
    return [result for result in results if _is_of(result.protocol, num, sampling)]


def num_of(words: Sequence[str]) -> int:
    """How many examples the words ask for."""
    return int(words[list(words).index(NUM) + 1]) if NUM in words else AS_USUAL.num


def sampling_of(words: Sequence[str], config: Mapping[str, Any]) -> dict[str, Any] | None:
    """All options of the family with the values of the words; None of a family without."""
    family = getattr(components.find_class(config["system"], "system"), "options", None)
    if family is None:
        return None
    _, asked = separated(words)
    return json.loads(json.dumps(as_values(options_from(family, asked))))


def _is_of(protocol: Mapping[str, Any], num: int, sampling: Mapping[str, Any] | None) -> bool:
    measured, available = protocol.get("num"), protocol.get("available")
    as_many = measured in (None, num) or (measured is not None and measured == available and measured < num)
    return as_many and ("sampling" not in protocol or sampling is None or protocol["sampling"] == sampling)
