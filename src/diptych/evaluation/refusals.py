"""Reasons that several benchmarks give for not being measured; "" where there is none."""

from diptych.evaluation.context import Context
from diptych.runs.capabilities import GeneratesImages


def why_no_sentences(context: Context) -> str:
    """That a generator takes no sentences, so that nobody could find one in its images."""
    generator = context.subject
    if not isinstance(generator, GeneratesImages) or generator.takes_sentences:
        return ""
    return (
        f"{context.subject.run.run_id} generates without sentences: there is nothing that another run could find again "
        "(leave out --with)"
    )


def why_not_exact(context: Context) -> str:
    """That nobody can judge what is disturbed."""
    if context.held_out.world is not None and not why_no_sentences(context):
        return ""
    return (
        f"robustness: {context.subject.run.run_id} on {context.held_out.name} cannot be judged exactly; it takes "
        "sentences and a world of scenes (leave out --robustness)"
    )
