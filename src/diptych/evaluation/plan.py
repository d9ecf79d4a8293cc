"""Which benchmarks a request measures; what nothing would read, and what cannot be measured, is refused."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from diptych.config.errors import UserError
from diptych.evaluation.benchmark import Benchmark
from diptych.evaluation.context import Context
from diptych.evaluation.results import Evaluation
from diptych.evaluation.suite import SUITE
from diptych.runs.handles import Handle

PARTNERS = "partners"


@dataclass(frozen=True)
class Measurement:
    """One benchmark of one context."""

    benchmark: Benchmark
    context: Context

    def take(self) -> Evaluation:
        """Measure it."""
        evaluation = self.benchmark.measure(self.context)
        if not isinstance(evaluation, Evaluation):
            name, given = type(self.benchmark).__name__, type(evaluation).__name__
            raise UserError(
                f"{name}.measure gives a {given}; return Evaluation.of(self, context.protocol, [Figure(…)])"
            )
        return evaluation


def planned(context: Context, partners: Sequence[Handle], benchmarks: Sequence[Benchmark]) -> list[Measurement]:
    """Every measurement, in the order of the benchmarks; nothing is generated before all can be made."""
    beside = [context.beside(partner) for partner in partners]
    plan = [
        Measurement(benchmark, each)
        for benchmark in benchmarks
        for each in (beside if PARTNERS in benchmark.options else [context])
        if benchmark.applies(each)
    ]
    for reason in (*_ignored(context, beside, plan, benchmarks), *_refusals(plan)):
        raise UserError(reason)
    return plan


def _refusals(plan: Iterable[Measurement]) -> Iterator[str]:
    return filter(None, (one.benchmark.refusal(one.context) for one in plan))


def _ignored(
    context: Context, beside: Sequence[Context], plan: Sequence[Measurement], benchmarks: Sequence[Benchmark]
) -> Iterator[str]:
    """What is asked for, and nothing that will be measured reads it."""
    run = context.subject.run.run_id
    if not plan:
        yield f"nothing that is measured applies to {run}; there is {_needs(benchmarks)}"
    measured = {one.benchmark.kind for one in plan}
    for benchmark in benchmarks:
        if benchmark not in SUITE and benchmark.kind not in measured:
            yield f"{run}: {benchmark.title} (--benchmark) does not apply here: it is for {benchmark.needs}"
    used = {one.context for one in plan}
    for partner in (each for each in beside if each not in used):
        assert partner.partner is not None
        name = partner.partner.run.run_id
        yield f"{run}: another run (--with {name}) goes with {_readers(PARTNERS, benchmarks)}; leave it out"
    read = {option for one in plan for option in one.benchmark.options}
    for option, words in context.request.chosen.items():
        if option not in read:
            yield f"{run}: {words} goes with {_readers(option, benchmarks)}; leave it out"


def _readers(option: str, benchmarks: Sequence[Benchmark]) -> str:
    return _needs([benchmark for benchmark in benchmarks if option in benchmark.options]) or "no benchmark"


def _needs(benchmarks: Sequence[Benchmark]) -> str:
    return ", ".join(f"{benchmark.title} ({benchmark.needs})" for benchmark in benchmarks)
