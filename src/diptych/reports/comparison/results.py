"""Which evaluations of some runs may stand side by side: those that were measured alike."""

from collections.abc import Sequence

from diptych.config.errors import UserError
from diptych.evaluation.results import Evaluation, read_all
from diptych.metrics.protocols import differences
from diptych.runs.folder.layout import RunFolder


def measured_alike(runs: Sequence[RunFolder]) -> list[tuple[Evaluation, ...]]:
    """For each kind of evaluation that all runs have, their newest ones of one protocol, a run each."""
    results = [_newest_first(run) for run in runs]
    _refuse_unevaluated(runs, results)
    matched: dict[str, tuple[Evaluation, ...]] = {}
    for result in results[0]:
        alike = [_like(result, others) for others in results]
        if result.kind not in matched and None not in alike:
            matched[result.kind] = tuple(other for other in alike if other is not None)
    if not matched:
        raise UserError(_why_not(runs, results))
    return list(matched.values())


def _newest_first(run: RunFolder) -> list[Evaluation]:
    return read_all(run.evaluations, pictures=False)[::-1]


def _like(result: Evaluation, others: Sequence[Evaluation]) -> Evaluation | None:
    """The newest of the others that was measured as `result` was."""
    same = (o for o in others if o.kind == result.kind and not differences(result.protocol, o.protocol))
    return next(same, None)


def _refuse_unevaluated(runs: Sequence[RunFolder], results: Sequence[Sequence[Evaluation]]) -> None:
    without = [run.run_id for run, own in zip(runs, results, strict=True) if not own]
    if without:
        names = " ".join(without)
        raise UserError(f"not evaluated yet: {', '.join(without)}; `diptych evaluate {names}` measures them")


def _why_not(runs: Sequence[RunFolder], results: Sequence[Sequence[Evaluation]]) -> str:
    """In what the first run's newest result and those of the first run that has none like it differ."""
    result = results[0][0]
    place = next(i for i, others in enumerate(results) if _like(result, others) is None)
    same_kind = [other for other in results[place] if other.kind == result.kind]
    names = f"{runs[0].run_id} and {runs[place].run_id}"
    if not same_kind:
        return f"{names} have no kind of evaluation in common ({result.kind}; {results[place][0].kind})"
    differing = min((differences(result.protocol, other.protocol) for other in same_kind), key=len)
    return (
        f"{names} were measured differently, so their figures cannot stand side by side:\n"
        + "\n".join(f"  {line}" for line in differing)
        + "\nevaluate both in the same way (`diptych evaluate --help`)"
    )
