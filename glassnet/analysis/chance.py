"""How far unrelated configurations agree because they see the same data: the chance level of squared overlaps."""

from typing import Any

import numpy as np
from xarray import DataArray, Dataset

from glassnet.analysis.labels import attribute, described, in_words, own_words, result
from glassnet.core.check import fail
from glassnet.perceptron.machine import Machine

FIELDS = {"N": "width", "L": "depth", "c": "connectivity"}
"""Short names that campaigns have for fields of a machine."""


@own_words
def chance_level(ds: Dataset) -> DataArray:
    """Squared overlap of single neurons (`spin_overlap_squared`) between two liquids under the same data, by layer.

    The sum of what the inputs and what the outputs give,

        A_0 = 1, B_0 = 0,   V_l = (A_{l-1} + (c - 1) B_{l-1})/c,   W_l = A_{l-1}/N_{l-1} + (1 - 1/N_{l-1}) B_{l-1},
        A_l = f(V_l), B_l = f(W_l),   f(V) = (2/pi)^2 (V + V^2)

    and the same from the outputs downwards, with the number n of neurons that a neuron feeds in place of c and f(V)
    times min(1, n/c)^2.

    Derivation. A is the mean square of the overlap R_jk = 1/M sum_mu S^a_j S^b_k of a neuron with itself (j = k) in
    independent machines a and b, B that of two neurons of a layer. Where neurons follow their fields h_i = sum_j J_ij
    S_j/sqrt(c), two fields are correlated by rho = 1/c sum_jk J^a_ij J^b_ik R_jk. Its variance is V, as c of the terms
    have j = k; for two neurons of a random graph c^2/N have, hence W. Signs of Gaussian fields have R = (2/pi) asin
    rho, and E[asin^2 rho] = V + V^2 + .... In layer 1 this is (2/pi)^2/c. Neurons that feed an output y_k = sgn h_k
    have <S_j> = sqrt(2/pi) J_kj y_k/sqrt(c), and so overlaps of (2/pi) (n/c) rho from n outputs, at most (2/pi) rho if
    they follow the outputs altogether: (2/pi)^2/c, too, where n = c.

    It holds for inputs and outputs that are independent random signs, and neurons that follow one side at zero
    temperature. Temperature and the other side make the agreement less: so it is an upper estimate. It is the leading
    order in 1/c; pairs of machines fed forward with the same inputs, N = c, have 1.00, 1.03 and 1.09 times this in
    layers 1, 2 and 3 for c = 32, 1.00, 1.08 and 1.26 times for c = 16, and 1.09, 1.5 and 2.5 times for c = 8. It does
    not hold for data with correlated inputs (digits, hidden manifold), and nothing is derived for weights.

    Args:
        ds: result of a machine, or one run of a campaign.
    Returns:
        By `layer`, hidden layers 1..L-1.
    Raises:
        ValueError: if `ds` says not one machine, or this has no hidden layers.
    """
    machine = machine_of(result(ds))
    if machine.depth < 2:
        raise fail("ds", "have hidden layers", machine.depth)
    N, c = machine.widths, machine.connections
    fed = [n * k / m for m, n, k in zip(N[:-1], N[1:], c, strict=True)]  # by a neuron of layers 0..L-1
    up = _followed([(c[l], N[l], 1.0) for l in range(machine.depth - 1)])
    down = _followed([(fed[l], N[l + 1], min(1.0, fed[l] / c[l])) for l in range(machine.depth - 1, 0, -1)])
    words = {"units": "per neuron", "long_name": "chance level of the squared overlap", "source": "glassnet"}
    level = np.array(up) + np.array(down[::-1])
    return described(DataArray(level, {"layer": np.arange(1, machine.depth)}, ("layer",)), **words).rename("chance")


def _followed(layers: list[tuple[float, int, float]]) -> list[float]:
    """A of successive layers, from the inputs of a neuron, the width of the layer before, and how far it follows."""
    found, own, other = [], 1.0, 0.0
    for c, N, share in layers:
        V, W = (own + (c - 1) * other) / c, own / N + (1 - 1 / N) * other
        own, other = ((2 / np.pi * share) ** 2 * (x + x**2) for x in (V, W))
        found.append(own)
    return found


def machine_of(ds: Dataset) -> Machine:
    """A machine of the shape that a result, or one run of a campaign, has.

    Raises:
        ValueError: if it has none, or several.
    """
    if "machine" not in ds.attrs and "run_config" not in ds.attrs:
        raise ValueError(f"Argument `ds` must be the result of a machine, but is {in_words(ds)}.")
    if "machine" in ds.attrs:
        fields = attribute(ds, "machine")
    else:
        base = attribute(ds, "run_config")
        fields = dict(base.get("machine", {})) | {FIELDS[name]: x for name, x in base.items() if name in FIELDS}
        for name in map(str, ds.coords):
            if name in FIELDS or name.startswith("machine."):
                fields[FIELDS.get(name, name.removeprefix("machine."))] = attribute(ds, name)
    if not isinstance(fields, dict) or not {"depth", "width"} <= fields.keys():
        raise fail("ds", "have the depth and the width of its machine", fields)
    shape: dict[str, Any] = {name: x if x is None else int(x) for name, x in fields.items() if name in SIZES}
    return Machine(**shape)


SIZES = ("depth", "width", "inputs", "outputs", "connectivity")
"""Fields of a machine that say its shape."""
