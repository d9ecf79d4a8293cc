"""Whether a text encoder that whitens its sentence vectors has learned how."""

from typing import Any

from diptych.models.whitening import Whitening


def whitening_of(text_encoder: Any) -> Whitening | None:
    """The text encoder's whitening, if it has one."""
    whitening = getattr(text_encoder, "whitening", None)
    return whitening if isinstance(whitening, Whitening) else None


def check_whitening_is_learned(text_encoder: Any) -> None:
    """Refuse a text encoder that was to whiten and never learned how (in a warm start it may have)."""
    whitening = whitening_of(text_encoder)
    if whitening is not None and not whitening.has_observed:
        raise ValueError(
            "text_encoder.whitening_floor: sentence vectors are whitened after text pretraining, and there is none: "
            "it comes with text_pretraining=captioner_features and a captioner's run in parts.captioner.run; set "
            "text_encoder.whitening_floor=null otherwise"
        )
