"""What a ladder costs, before anything runs."""

from collections.abc import Iterable, Mapping
from typing import Any

from glassnet.distill.gradient.data import Images
from glassnet.distill.gradient.ladders import Tuning
from glassnet.distill.gradient.networks import Network
from glassnet.distill.gradient.paths import checked_methods, in_order, path_of
from glassnet.distill.gradient.training import Recipe

PASSES = 3
"""A step of training takes about three times the multiplications of a forward pass."""


def cost(
    images: Images,
    machines: Mapping[str, Network],
    methods: Iterable[Any] = ("none", "direct", "assisted"),
    *,
    patterns: int = 1000,
    recipe: Recipe | None = None,
    tuning: Tuning | None = None,
    seeds: int = 16,
    **others: Any,
) -> dict[str, float]:
    """Multiplications with weights that the training of each network of a ladder takes, by its path.

    Args:
        images: as for `ladder`, and so are the other arguments.
        machines: networks by name.
        methods: methods.
        patterns: training images.
        recipe: how all are trained.
        tuning: how settings are chosen.
        seeds: number of seeds.
        others: further arguments of `ladder`, which cost nothing.
    """
    recipe, names = recipe or Recipe(), list(machines)
    members = seeds + (tuning.seeds * (1 + tuning.trials) if tuning else 0)
    shown = patterns // recipe.batch * recipe.batch * recipe.epochs * members
    paths = [path_of(m, names, student) for student in names for m in checked_methods(methods, machines).values()]
    return {
        path.name: PASSES * float(shown) * machines[path.machines[-1]].operations(images.shape, images.classes)
        for path in in_order(path for path in paths if path is not None)
    }
