"""Distillation by gradients: softmax networks that are taught by softened logits of larger ones.

>>> from glassnet.distill import gradient
>>> machines = {"large": gradient.MLP((32,)), "small": gradient.MLP((4,))}
>>> recipe = gradient.Recipe(epochs=2)
>>> ds = gradient.ladder(gradient.digits(), machines, ["none", "direct"], patterns=200, seeds=2, recipe=recipe)
>>> dict(ds.test_error.sizes)
{'machine': 2, 'taught': 2, 'seed': 2}
"""

from glassnet.distill.gradient import bounds, landscape
from glassnet.distill.gradient.compare import difference, verdict
from glassnet.distill.gradient.config import read_ladder
from glassnet.distill.gradient.cost import cost
from glassnet.distill.gradient.data import Images, cifar10, cifar100, digits, idx
from glassnet.distill.gradient.ladders import Tuning, ladder
from glassnet.distill.gradient.networks import CNN, MLP, ResNet
from glassnet.distill.gradient.paths import METHODS, Path
from glassnet.distill.gradient.training import Recipe

__all__ = [
    "ladder", "read_ladder", "cost", "METHODS", "Path", "Recipe", "Tuning", "difference", "verdict", "bounds",
    "landscape",
    "MLP", "CNN", "ResNet",
    "Images", "digits", "cifar10", "cifar100", "idx",
]  # fmt: skip
