"""Reasons that several benchmarks give for not being measured; "" where there is none."""

from diptych.evaluation.context import Context
from diptych.runs.capabilities import GeneratesImages
from diptych.runs.parts import lenders_of


def why_no_sentences(context: Context) -> str:
    """That a generator takes no sentences, so that nobody could find one in its images."""
    generator = context.subject
    if not isinstance(generator, GeneratesImages) or generator.takes_sentences:
        return ""
    return (
        f"{context.subject.run.run_id} generates without sentences: there is nothing that another run could find again "
        "(leave out --with)"
    )


def why_not_apart(context: Context) -> str:
    """That the generator learned from the very run that measures it; said, not refused."""
    partner = context.partner
    if partner is None or partner.run.run_id not in lenders_of(context.subject.run):
        return ""
    return f"trained on it: {partner.run.run_id} was part of the generator's training, and finds what it asked for"


def why_not_exact(context: Context) -> str:
    """That nobody can judge what is disturbed."""
    if context.held_out.world is not None and not why_no_sentences(context):
        return ""
    return (
        f"robustness: {context.subject.run.run_id} on {context.held_out.name} cannot be judged exactly; it takes "
        "sentences and a world of scenes (leave out --robustness)"
    )
