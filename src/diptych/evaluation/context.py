"""What benchmarks share: a run, what is asked of it, the held-out data, and what it makes of them, made once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import cycle, islice
from typing import Any

from diptych.config.components import Trust
from diptych.evaluation.captioning.captions import captions_of
from diptych.evaluation.generation.against import named_set
from diptych.evaluation.generation.features import feature_network
from diptych.evaluation.generation.generated import GeneratedImages, brought_to, generate_each, generate_held_out
from diptych.evaluation.generation.reference_set import ReferenceSet
from diptych.evaluation.held_out import HeldOut, take_held_out
from diptych.evaluation.overlap import num_seen_by, overlap_settled_with_all
from diptych.evaluation.progress import silently
from diptych.evaluation.protocol import measured, protocol_of
from diptych.evaluation.request import Request
from diptych.models.features import FeatureNetwork
from diptych.runs.capabilities import CaptionsImages, GeneratesImages
from diptych.runs.handles import Handle
from diptych.systems.captioning.captions import Caption
from diptych.types import Images, Track


@dataclass(frozen=True, eq=False)
class Context:
    """A run (`subject`), alone or beside another one (`partner`), and the `request`.

    Everything that takes time is made when a benchmark first asks for it, and kept for the others.
    """

    subject: Handle
    request: Request
    partner: Handle | None = None
    trust: Trust = ()
    track: Track = silently
    alone: "Context | None" = None
    """The same run without the partner, which makes what does not depend on the partner."""

    def beside(self, partner: Handle) -> "Context":
        """The same run with a partner."""
        return replace(self, partner=partner, alone=self)

    @cached_property
    def held_out(self) -> HeldOut:
        """The examples asked for; for generators as many further real images, to compare sets of images."""
        if self.alone:
            return self.alone.held_out
        request, spare = self.request, self.request.num if isinstance(self.subject, GeneratesImages) else 0
        taken = take_held_out(
            self.subject.config,
            data=request.data,
            split=request.split,
            num=request.num,
            spare=spare,
            overrides=request.overrides,
            image_size=self.subject.data_spec.image_size,
            began_with=self.subject.run.read_examples(),
            trust=self.trust,
        )
        return overlap_settled_with_all(taken, self.subject.members, request, self.trust)

    @cached_property
    def protocol(self) -> Mapping[str, Any]:
        """How it is measured."""
        protocol = protocol_of(self.subject, self.held_out, self.request.seed)
        if self.partner is None:
            return protocol
        num_seen = num_seen_by(self.partner, self.held_out, self.trust)
        return protocol | {"with": measured(self.partner) | ({} if num_seen == 0 else {"seen_in_training": num_seen})}

    @cached_property
    def network(self) -> FeatureNetwork:
        """The feature network that compares sets of images."""
        return feature_network(self.request.features, self.subject.config, self.trust)

    @cached_property
    def real_set(self) -> ReferenceSet | None:
        """The real images that `--against` names; None where other ones of the split take their place."""
        if self.request.against is None:
            return None
        return named_set(
            self.request.against,
            self.network,
            config=self.subject.config,
            held_out=self.held_out,
            trust=self.trust,
            track=self.track,
        )

    @cached_property
    def generated_as_many(self) -> Images:
        """As many images as are asked for, where the split has fewer: of further captions, then from other noise."""
        generator, held_out, num = self.subject, self.held_out, self.request.num
        if num <= len(held_out):
            return self.generated.images
        assert isinstance(generator, GeneratesImages)
        sentences = list(islice(cycle(held_out.all_references()), num))
        images = generate_each(generator, sentences, self.request.seed, self.track, "generating more")
        return brought_to(images, held_out.image_size)

    @cached_property
    def generated(self) -> GeneratedImages:
        """The subject's image of each held-out sentence."""
        if self.alone:
            return self.alone.generated
        generator = self.subject
        assert isinstance(generator, GeneratesImages)
        return generate_held_out(generator, self.held_out, seed=self.request.seed, track=self.track)

    @cached_property
    def captions(self) -> list[Caption]:
        """A caption of each held-out image, by the partner, or by the subject alone."""
        captioner = self.partner or self.subject
        assert isinstance(captioner, CaptionsImages)
        images, options = self.held_out.images, self.request.caption_options
        return captions_of(captioner, images, options, track=self.track, description="captioning real images")

    @cached_property
    def captions_of_generated(self) -> list[Caption]:
        """The partner's caption of each generated image."""
        captioner = self.partner
        assert isinstance(captioner, CaptionsImages)
        images, options = self.generated.images, self.request.caption_options
        return captions_of(captioner, images, options, track=self.track, description="captioning generated images")
