"""How large the networks of a system are."""

from torch import nn


def parameter_counts(system: nn.Module) -> dict[str, int]:
    """The parameters that learn, by the name of each network of the system; what two share counts for the first.

    Averaged copies and frozen networks have none.
    """
    seen: set[int] = set()
    counts: dict[str, int] = {}
    for name, network in system.named_children():
        own = {id(p): p.numel() for p in network.parameters() if p.requires_grad and id(p) not in seen}
        seen |= own.keys()
        if own:
            counts[name] = sum(own.values())
    return counts
