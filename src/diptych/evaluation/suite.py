"""diptych's benchmarks, and those of a package of your own; in the order of their results.

To add one: a class in a room of its own, and a line in `SUITE`.
"""

from collections.abc import Sequence

from diptych.config import components
from diptych.config.components import Trust
from diptych.config.errors import UserError
from diptych.evaluation.benchmark import Benchmark
from diptych.evaluation.caption_diversity.benchmark import CaptionDiversity
from diptych.evaluation.captioning.benchmark import Captioning
from diptych.evaluation.captioning.clip import ClipScore
from diptych.evaluation.captioning.grounding import Grounding
from diptych.evaluation.classification.agreement import Agreement
from diptych.evaluation.classification.benchmark import Classification
from diptych.evaluation.classification.class_accuracy import ClassAccuracy
from diptych.evaluation.cycle.benchmark import Cycle
from diptych.evaluation.generation.benchmark import Generation
from diptych.evaluation.likelihood.existence import Existence
from diptych.evaluation.likelihood.minimal_pairs import MinimalPairs
from diptych.evaluation.reconstruction.benchmark import Reconstruction
from diptych.evaluation.retrieval.benchmark import Retrieval
from diptych.evaluation.retrieval.embedding import EmbeddingRetrieval
from diptych.evaluation.retrieval.generated import RPrecision
from diptych.evaluation.robustness.captioning import CaptioningRobustness
from diptych.evaluation.robustness.generation import GenerationRobustness
from diptych.evaluation.skills.benchmark import Skills, SkillsInFull

SUITE: tuple[Benchmark, ...] = (
    Generation(),
    Captioning(),
    Grounding(),
    ClipScore(),
    CaptionDiversity(),
    Classification(),
    Reconstruction(),
    EmbeddingRetrieval(),
    MinimalPairs(),
    Existence(),
    Cycle(),
    Retrieval(),
    RPrecision(),
    Agreement(),
    ClassAccuracy(),
    Skills(),
    SkillsInFull(),
    GenerationRobustness(),
    CaptioningRobustness(),
)


def with_own(paths: Sequence[str], trust: Trust) -> tuple[Benchmark, ...]:
    """`SUITE` and the classes that the dotted paths name, whose packages must be trusted."""
    suite = [*SUITE, *(_own(path, trust) for path in paths)]
    for kind in (kinds := [benchmark.kind for benchmark in suite]):
        if kinds.count(kind) > 1:
            raise UserError(f"--benchmark: two benchmarks have the kind {kind!r}; give yours another")
    return tuple(suite)


def _own(path: str, trust: Trust) -> Benchmark:
    benchmark = components.build({"_target_": path}, "benchmark", trust=trust)
    if isinstance(benchmark, Benchmark) and getattr(benchmark, "kind", "") and getattr(benchmark, "title", ""):
        return benchmark
    raise UserError(
        f"--benchmark {path} is no benchmark: inherit from diptych.evaluation.benchmark.Benchmark, give it a kind and "
        "a title, and write `applies` and `measure`"
    )
