"""Joint tests: configurations and data drawn in turn stay at the law of both, known from draws by NumPy alone.

Weights from their prior, neurons drawn forward from the inputs, outputs among them, have the law prior exp(-beta H) of
weights, neurons and outputs, where the sum over both signs of a neuron does not depend on its field (Counting, Probit,
Logistic). From such a draw the sweeps move weights and hidden neurons, outputs held, and then the outputs are drawn
anew, weights and neurons held; many times over. Any statistic must keep its law   [Geweke, J. Am. Stat. Assoc. 99, 799
(2004), "Getting it right"]. Other than a comparison at fixed data this sees every error that data can bring to light.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference as ref
from scipy.stats import norm

from glassnet.core import keys
from glassnet.native import library
from glassnet.perceptron.law import wrong
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.potential import Counting, Logistic, Probit
from glassnet.perceptron.state import Boundary
from glassnet.perceptron.sweeps.catalogue import build
from glassnet.sampling.kernel import Params
from glassnet.sampling.plan import ACCELERATOR, CPU, NATIVE

PATTERNS, REPLICAS, FRESH, ROUNDS = 4, 3000, 20_000, 6
GAUSSIAN = {"inputs": 4, "outputs": 2, "ensemble": "gaussian"}
ISING = {"inputs": 5, "outputs": 1, "ensemble": "ising"}  # odd numbers of inputs: no field is zero
ALL = "+gauge+permute+rows+collapsed"
CASES = {
    "metropolis, scan": (Machine(3, 3, **GAUSSIAN, potential=Counting()), "metropolis", 2.0, CPU),
    "heat bath, native": (Machine(3, 3, inputs=4, outputs=2, potential=Counting(0.5)), "heat_bath", 4.0, NATIVE),
    "probit, native": (Machine(3, 3, **GAUSSIAN, potential=Probit(0.7)), "metropolis", 1.0, NATIVE),
    "ising, native": (Machine(3, 3, **ISING, potential=Counting()), "heat_bath", 2.0, NATIVE),
    "diluted, native": (
        Machine(3, 4, inputs=4, outputs=3, connectivity=3, ensemble="ising", potential=Counting()),
        "metropolis",
        1.5,
        NATIVE,
    ),
    "logistic, fused": (Machine(3, 3, **GAUSSIAN, potential=Logistic(0.6)), "heat_bath", 1.0, ACCELERATOR),
    "all moves": (Machine(3, 3, **GAUSSIAN, potential=Probit(0.7)), "heat_bath" + ALL, 1.0, CPU),
    "all moves, spheres": (Machine(3, 3, inputs=4, outputs=2, potential=Counting()), "metropolis" + ALL, 2.0, CPU),
    "collapsed, ising": (Machine(3, 3, **ISING, potential=Counting()), "heat_bath+gauge+collapsed", 2.0, CPU),
    "feedforward, scan": (Machine(3, 3, **GAUSSIAN, potential=Counting()), "feedforward", 2.0, CPU),
    "feedforward, native": (Machine(3, 3, **GAUSSIAN, potential=Probit(0.7)), "feedforward", 1.0, NATIVE),
    "feedforward, diluted": (
        Machine(3, 4, inputs=4, outputs=3, connectivity=3, potential=Counting()), "feedforward", 2.0, NATIVE,
    ),
}  # fmt: skip
SLOW = {
    "heat bath, native", "diluted, native", "logistic, fused", "all moves, spheres", "feedforward, scan",
    "feedforward, diluted", "metropolis, scan",
}  # fmt: skip
STATISTICS = 5 * 3 + 1
THRESHOLD = norm.isf(1e-3 / (2 * STATISTICS * len(CASES)))
"""One false alarm in a thousand runs of all cases together."""


def drawn(name, number, seed):
    """Weights, hidden spins and outputs by NumPy: (replica, layer, slot, neuron), ..., (replica, neuron, pattern)."""
    machine, dynamics, beta, _ = CASES[name]
    rng = np.random.default_rng(seed)
    blank = ref.random_states(machine, boundary_of(machine), number, seed=rng.integers(1 << 30))
    S = np.broadcast_to(np.asarray(boundary_of(machine).inputs, float), (number, machine.widths[0], PATTERNS))
    layers = []
    for l, J in enumerate(ref.matrices(machine, blank), start=1):
        h = J @ S / np.sqrt(machine.connections[l - 1])
        S = np.where(h >= 0, 1.0, -1.0)
        if dynamics != "feedforward" or l == machine.depth:
            S = np.where(rng.random(h.shape) < wrong(machine.potential, beta, h), -S, S)
        layers.append(S.astype(np.int8))
    return blank.weights, np.stack(layers[:-1], 1), layers[-1]


def boundary_of(machine):
    """The inputs of all replicas, and outputs that are of none."""
    return ref.boundary_of(*ref.problem(machine, PATTERNS, seed=11))


def statistics(name, weights, spins, outputs):
    """By replica: of each layer means of gaps, their squares, v, J^4 and squared overlaps of patterns; the sum of v."""
    machine = CASES[name][0]
    state = ref.batch_of(machine, tuple(map(np.asarray, weights)), np.asarray(spins), boundary_of(machine))
    layers = [*ref.all_layers(state, boundary_of(machine))[:-1], np.swapaxes(np.asarray(outputs), -1, -2)]
    found = []
    for l, J in enumerate(ref.matrices(machine, state), start=1):
        below, own = layers[l - 1].astype(float), layers[l].astype(float)
        gap = own * (below @ np.swapaxes(J, -1, -2)) / np.sqrt(machine.connections[l - 1])
        v = ref.cost(machine.potential, gap)
        overlap = own @ np.swapaxes(own, -1, -2) / own.shape[-1]
        found += [x.mean((-2, -1)) for x in (gap, gap**2, v, J**4, overlap**2)]
    return np.stack([*found, np.sum(found[2::5], axis=0)], -1)


def z(name, change=lambda step: step):
    """How far statistics moved, in standard errors; `change` breaks the sweep."""
    machine, dynamics, beta, plan = CASES[name]
    if plan.native and not library.available():
        pytest.skip(library.status())
    kernel, inputs = build(dynamics, machine, plan), boundary_of(machine).inputs
    step = change(kernel.step)

    def chain(key, state, outputs):
        def one(carry, n):
            state, outputs = carry
            boundary = Boundary(inputs, outputs)
            params = Params(jnp.float32(1 / beta), {"weight_step": jnp.float32(0.6)}, boundary)
            state, _ = step(keys.address(key, n, 0), state, params)
            h, v = state.fields[-1][-1], machine.potential.cost
            plus = 1 / (1 + jnp.exp(beta * (v(h) - v(-h))))
            outputs = jnp.where(keys.uniform(keys.address(key, n, 1), h.shape) < plus, 1, -1).astype(jnp.int8)
            return (state, outputs), None

        state = kernel.init(state, Boundary(inputs, outputs))
        (state, outputs), _ = jax.lax.scan(one, (state, outputs), jnp.arange(ROUNDS))
        return state.weights, state.spins, outputs

    weights, spins, outputs = drawn(name, REPLICAS, seed=1)
    start = ref.batch_of(machine, weights, spins, boundary_of(machine))
    end = jax.jit(jax.vmap(chain))(ref.replica_keys(5, REPLICAS), start, jnp.asarray(outputs))
    moved, fresh = statistics(name, *end), statistics(name, *drawn(name, FRESH, seed=2))
    assert moved.shape[1] == STATISTICS
    varied = fresh.std(0) > 1e-6  # J^4 of Ising weights, overlaps of a single neuron
    return ref.z_between(moved[:, varied], fresh[:, varied])


@pytest.mark.parametrize("name", [pytest.param(c, marks=pytest.mark.slow if c in SLOW else ()) for c in CASES])
def test_configurations_and_data_keep_their_joint_law(name):
    assert np.abs(z(name)).max() < THRESHOLD


def warmer(step):
    return lambda key, state, params: step(key, state, replace(params, temperature=1.8 * params.temperature))


def without_prior(step):
    """Weights that grow a little with each sweep."""

    def broken(key, state, params):
        state, info = step(key, state, params)
        grown = tuple(1.03 * J for J in state.weights)
        return type(state)(state.spins, grown, tuple(1.03 * h for h in state.fields)), info

    return broken


def other_outputs(step):
    """The energy of the last layer with the outputs of another pattern."""

    def broken(key, state, params):
        clamped = Boundary(params.clamped.inputs, jnp.roll(params.clamped.outputs, 1, axis=-1))
        return step(key, state, replace(params, clamped=clamped))

    return broken


BROKEN = [
    ("probit, native", warmer), ("probit, native", without_prior), ("probit, native", other_outputs),
    ("ising, native", warmer), ("ising, native", other_outputs), ("feedforward, native", warmer),
    ("feedforward, native", without_prior), ("feedforward, native", other_outputs),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "change"), [pytest.param(*b, marks=() if "probit" in b[0] else pytest.mark.slow) for b in BROKEN]
)
def test_broken_sweeps_are_seen(name, change):
    assert np.abs(z(name, change)).max() > 1.5 * THRESHOLD
