"""Captions by rules, the baseline of learned captioners: a classifier says what is there, templates say it in words.

The classifier is another run's (`parts.classifier`, `scope: generation`, so that checkpoints caption alone). On data of
a world, its labels and the places of their evidence give a scene, which the grammar describes completely. Elsewhere the
likeliest caption of a class is the one that its training images have most often. Nothing is learned here by gradients:
training only reads captions, and one step of it is enough where a grammar is known.
"""

import logging
from dataclasses import replace
from random import Random
from typing import Any, ClassVar

import torch

from diptych.metrics.weights_digest import weights_digest
from diptych.models.borrowed import Borrowed
from diptych.systems.base import System
from diptych.systems.captioning.captions import Caption
from diptych.systems.captioning.options import RuleOptions
from diptych.systems.captioning.quality import GeneratedQuality
from diptych.systems.captioning.system import NUM_EXAMPLES
from diptych.systems.devices import gather_objects, own_rank
from diptych.systems.image_rngs import digest_of_pixels
from diptych.systems.template.wordings import CountedCaptions, GrammarSentences, Rngs, Wording
from diptych.text import tokenizer_of
from diptych.types import Batch, DataSpec, Images

WORDING = "wording"
"""The key of a checkpoint under which lies what was read."""
SHOWN = 5
_log = logging.getLogger(__name__)


class TemplateCaptioner(System):
    """A `classifier` of the same data, and sentences for what it finds.

    `language` is that of a grammar's sentences, one of the data's (None: the first); counted captions are in whatever
    languages they come.
    """

    task = "captioning"
    caption_options: ClassVar[type[RuleOptions]] = RuleOptions
    generates_with = ("classifier",)

    def __init__(self, *, data_spec: DataSpec, classifier: Any, language: str | None = None, seed: int = 0) -> None:
        super().__init__(data_spec=data_spec, seed=seed)
        _check_classifier(classifier, data_spec)
        self.classifier = Borrowed(classifier.eval().requires_grad_(False))
        self.tokenizer = tokenizer_of(data_spec)
        self.wording: Wording = _wording(data_spec, language)
        self.quality = GeneratedQuality(data_spec)
        self._examples: tuple[Images, Any] | None = None

    @property
    def beyond_weights(self) -> dict[str, Any]:
        """The wording and the classifier: it has no weights of its own."""
        return {WORDING: self.wording.to_dict(), "classifier": weights_digest(self.classifier.network.state_dict())}

    def configure_optimizers(self) -> None:
        """Nothing is learned by gradients."""

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        self.count_images(len(batch) * batch.tokens.shape[1])
        if not self.wording.reads_captions:
            return
        assert batch.labels is not None
        names = [[self.data_spec.labels[i] for i in row.nonzero()[:, 0].tolist()] for row in batch.labels]
        for share in gather_objects(list(zip(names, batch.sentences, strict=True))):
            for labels, captions in share:
                self.wording.read(labels, captions)

    @torch.no_grad()
    def caption(self, images: Images, **options: Any) -> list[Caption]:
        """The likeliest sentence of what the classifier finds, or with a `temperature` a drawn one.

        Drawn are captions by their counts to the power 1/`temperature`; a grammar's phrasings are all alike. Rules
        search no words: of the options, only `temperature`, `seed` and `num_captions` are answered.
        """
        asked = self.caption_options(**options)
        if not asked.draws:
            return self._captions(images, None, 0.0)
        keys = [digest_of_pixels(image) for image in images]
        drawn = []
        for number in range(asked.num_captions):
            rngs = [Random(f"{asked.seed}/{number}/{key}") for key in keys]
            drawn.append(self._captions(images, rngs, asked.temperature))
        return [replace(first, alternatives=tuple(others)) for first, *others in zip(*drawn, strict=True)]

    def sample_captions(self, images: Images, *, seed: int, temperature: float = 1.0, **options: Any) -> list[Caption]:
        """A sentence of what the classifier finds, drawn; at a temperature of 0 the likeliest."""
        drawn = {"seed": seed, "temperature": temperature} if temperature else {}
        return self.caption(images, **drawn, **options)

    def example_captions(self) -> tuple[Images, tuple[str, ...], Any]:
        """The same few validation images throughout a run, their captions by now, and their references."""
        if self._examples is None:
            batch = self.trainer.datamodule.example_batch()  # pyright: ignore[reportAttributeAccessIssue]
            self._examples = batch.images[:NUM_EXAMPLES], batch.references[:NUM_EXAMPLES]
        images, references = self._examples
        return images, tuple(caption.text for caption in self.caption(images.to(self.device))), references

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.quality.update([caption.text for caption in self.caption(batch.images)], batch)

    def on_validation_epoch_end(self) -> None:
        self.log_metrics("val", self.quality.compute())
        self.quality.reset()

    def on_train_end(self) -> None:
        """Say which classes have no captions yet."""
        if (unheard := self.wording.unheard()) and not own_rank():
            shown = ", ".join(unheard[:SHOWN]) + (", …" if len(unheard) > SHOWN else "")
            _log.warning(
                "%d of %d labels had no caption among the %s read (%s): their captions are their names; increase "
                "budget_images to read more",
                len(unheard),
                len(self.data_spec.labels),
                f"{self.images_seen:,}",
                shown,
            )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint[WORDING] = self.wording.to_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self.wording.from_dict(checkpoint[WORDING])

    def _captions(self, images: Images, rngs: Rngs, temperature: float) -> list[Caption]:
        classifier = self.classifier.network
        found = classifier.classify(images)
        texts = self.wording.sentences(classifier, images, found, rngs, temperature)
        return [self._caption(text, one) for text, one in zip(texts, found, strict=True)]

    def _caption(self, text: str, found: Any) -> Caption:
        """Its score is the log-probability of all that the classifier found, spread over the words."""
        words = tuple(self.tokenizer.split(text))
        said = {label: float(prob) for label, prob in zip(self.data_spec.labels, found.probs, strict=True)}
        log_prob = sum(_log_of(said[label]) for label in found.labels)
        if not self.data_spec.exclusive_labels:
            log_prob += sum(_log_of(1 - prob) for label, prob in said.items() if label not in found.labels)
        return Caption(text, log_prob / max(1, len(words)), words, None)


def _log_of(prob: float) -> float:
    return float(torch.tensor(max(prob, 1e-12)).log())


def _wording(data_spec: DataSpec, language: str | None) -> Wording:
    if language is not None and language not in data_spec.languages:
        raise ValueError(
            f"system.language={language}: the data speak {', '.join(data_spec.languages)}; choose of these"
        )
    if data_spec.world is None:
        return CountedCaptions(data_spec)
    return GrammarSentences(data_spec, language or data_spec.languages[0])


def _check_classifier(classifier: Any, data_spec: DataSpec) -> None:
    """Refuse data without labels, and a classifier of other labels or pictures."""
    if not data_spec.labels:
        raise ValueError(
            f"system=template: data {data_spec.name} has no labels to choose sentences by; choose scenes, digits, "
            "mnist, cifar10 or imagefolder"
        )
    known: DataSpec = classifier.data_spec
    facts = [(spec.labels, spec.image_size, spec.image_channels) for spec in (known, data_spec)]
    if facts[0] != facts[1]:
        given, wanted = (
            f"{len(labels)} labels of {channels}x{size}x{size} pictures" for labels, size, channels in facts
        )
        raise ValueError(
            f"parts.classifier: it knows {given} ({known.name}), and {data_spec.name} has {wanted}; train one on these "
            "data, model=classifier"
        )
