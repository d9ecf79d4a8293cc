"""What in a system looks at several examples of a batch at once, and so sees only those of a micro-batch."""

from collections.abc import Iterator

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def coupled_parts(system: nn.Module) -> list[str]:
    """Their names: whatever says `couples_examples = True`, and batch normalisation that normalises by the batch."""
    said = [name for name, part in _parts(system) if getattr(part, "couples_examples", False)]
    modules = system.named_modules()
    norms = [name.partition(".")[0] for name, part in modules if isinstance(part, _BatchNorm) and part.training]
    named = [f"batch normalisation of {', '.join(dict.fromkeys(norms))}"] if norms else []
    own = ["losses of the system"] if getattr(system, "couples_examples", False) else []
    return [*named, *own, *dict.fromkeys(said)]


def _parts(system: nn.Module) -> Iterator[tuple[str, object]]:
    """All modules, and what a system holds that is no module, such as an objective."""
    yield from ((name, module) for name, module in system.named_modules() if name and module.training)
    yield from ((name, value) for name, value in vars(system).items() if not name.startswith("_"))
