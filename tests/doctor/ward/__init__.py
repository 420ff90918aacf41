"""The ward: small models whose condition is known, each with a proof of it."""

from importlib import import_module

from .case import ALL, CONDITIONS, Case

FAMILIES = """mlps deep activations symmetry convnets recurrent recurrent_memory transformers_
pretrained_shapes half_precision optimizers plumbing staircases not_a_number objectives
by_design""".split()

for family in FAMILIES:
    import_module(f".{family}", __name__)

__all__ = ["ALL", "CONDITIONS", "FAMILIES", "Case"]
