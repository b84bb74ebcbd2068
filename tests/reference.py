"""Slow float64 reference of the model and its moves, exact sums over small systems, and statistics for tests.

Nothing here uses the kernels: energies are recomputed in full, moves go one after another.
"""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit, log_ndtr
from scipy.stats import chi2, norm

from glassnet.core import keys
from glassnet.core.schedule import BetaPath
from glassnet.perceptron.potential import Counting, HardCore, Logistic, Probit, SoftCore
from glassnet.perceptron.state import Boundary, State
from glassnet.sampling.kernel import Drive, Kernel, advance

THRESHOLD = 4.5
"""Largest |z| of a correct program."""


# The model


def cost(potential, gap):
    """v(gap) in float64."""
    if type(potential) is SoftCore:
        return potential.strength * np.where(gap < 0, np.abs(gap), 0.0) ** potential.power
    if isinstance(potential, Probit):
        return -log_ndtr(gap / potential.width)
    if isinstance(potential, Logistic):
        return -np.log(expit(gap / potential.width))
    if isinstance(potential, Counting | HardCore):
        return np.where(gap < 0, potential.strength if isinstance(potential, Counting) else np.inf, 0.0)
    return potential.energy(gap)


def layer_energies(machine, weights, spins):
    """Energy of each layer, shape (..., layer); weights (..., out, in), spins (..., pattern, neuron)."""
    energies = []
    for l, J in enumerate(weights, start=1):
        field = spins[l - 1].astype(float) @ np.swapaxes(J, -1, -2).astype(float)
        gap = spins[l] * field / np.sqrt(machine.connections[l - 1]) - machine.potential.margin
        energies.append(cost(machine.potential, gap).sum((-2, -1)))
    return np.stack(energies, axis=-1)


def total(machine, weights, spins):
    """Total energy, shape (...)."""
    return layer_energies(machine, weights, spins).sum(-1)


def difference(new, old):
    """new - old of energies, where a hard core compares the numbers of violated gaps."""
    return new - old


def random_signs(rng, *shape):
    return (2 * rng.integers(2, size=shape) - 1).astype(np.int8)


def boundary_of(inputs, outputs):
    """Clamped neurons from (pattern, neuron) arrays."""
    return Boundary(jnp.asarray(inputs.T), jnp.asarray(outputs.T))


def problem(machine, patterns, seed=0):
    """Random inputs and outputs, (pattern, neuron)."""
    rng = np.random.default_rng(seed)
    return random_signs(rng, patterns, machine.widths[0]), random_signs(rng, patterns, machine.widths[-1])


def matrices(machine, state):
    """Weights of a state or of a batch of states as float64 (..., out, in) matrices, zero off the graph."""
    result = []
    for stack, stacked in zip(machine.stacks, state.weights, strict=True):
        for place, layer in enumerate(stack.layers):
            J = np.swapaxes(np.asarray(stacked, float)[..., place, :, :], -1, -2)
            if stack.diluted:
                dense = np.zeros((*J.shape[:-1], stack.fan_in))
                sources = np.broadcast_to(machine.sources(layer), J.shape)
                np.put_along_axis(dense, sources, J, axis=-1)
                J = dense
            result.append(J)
    return result


def all_layers(state, boundary):
    """Spins of layers 0..L of a state or of a batch of states, (..., pattern, neuron)."""
    hidden = np.swapaxes(np.asarray(state.spins), -1, -2)
    ends = [np.asarray(x).T for x in (boundary.inputs, boundary.outputs)]
    batch = hidden.shape[:-3]
    inputs, outputs = (np.broadcast_to(x, (*batch, *x.shape)) for x in ends)
    return [inputs, *np.moveaxis(hidden, -3, 0), outputs]


# Exact sums over spins at frozen weights


def enumerate_spins(machine, weights, inputs, outputs):
    """All hidden spins of one pattern: configurations (state, layer, neuron) and energies (state, layer).

    Bit k of the number of a state is the spin k, counted through (layer, neuron); 1 stands for spin +1.
    """
    free = (machine.depth - 1) * machine.width
    bits = (np.arange(2**free)[:, None] >> np.arange(free)) & 1
    hidden = (2 * bits - 1).reshape(-1, machine.depth - 1, machine.width).astype(np.int8)
    ends = [np.broadcast_to(x, (len(hidden), 1, len(x))) for x in (inputs, outputs)]
    layers = [ends[0], *(hidden[:, None, l] for l in range(machine.depth - 1)), ends[1]]
    return hidden, layer_energies(machine, weights, layers)


def number_of(spins):
    """Number of the state of spins (..., layer, neuron), as in `enumerate_spins`."""
    flat = spins.reshape(*spins.shape[:-2], -1)
    return ((flat > 0) * (1 << np.arange(flat.shape[-1]))).sum(-1)


def boltzmann(energies, beta):
    """Probability of each state from its energy; ground states (energy 0) only where energies are infinite."""
    lowest = energies.min()
    finite = np.where(np.isfinite(energies), energies - lowest, 0)
    weight = np.where(np.isfinite(energies), np.exp(-beta * finite), 0)
    return weight / weight.sum()


def acceptance(dE, beta, rule):
    """Probability to accept an energy change at finite beta."""
    if rule == "heat_bath":
        return expit(-beta * dE)
    return np.exp(-beta * np.maximum(dE, 0))


def move(probabilities, energies, site, beta, rule):
    """Distribution over all states after one offer to flip `site`."""
    flipped = np.arange(len(energies)) ^ (1 << site)
    accept = acceptance(energies[flipped] - energies, beta, rule)
    return probabilities * (1 - accept) + (probabilities * accept)[flipped]


def sweep_order(machine):
    """Sites in the order of a sweep: odd layers, then even layers, neurons ascending."""
    layers = [*range(1, machine.depth, 2), *range(2, machine.depth, 2)]
    return [(l - 1) * machine.width + i for l in layers for i in range(machine.width)]


def swept(probabilities, energies, order, beta, rule, sweeps):
    """Distribution over all states after sweeps in that order."""
    for _ in range(sweeps):
        for site in order:
            probabilities = move(probabilities, energies, site, beta, rule)
    return probabilities


# Sampling one move at a time


class SlowSampler:
    """Chains of random single moves with the energy recomputed in full at every offer.

    All chains offer a move of the same kind and layer at once, each at a site of its own.
    """

    def __init__(self, machine, inputs, outputs, *, beta, weight_step, chains, seed):
        self.machine, self.beta, self.d, self.rng = machine, beta, weight_step, np.random.default_rng(seed)
        self.chains = np.arange(chains)
        patterns = len(inputs)
        ends = [np.broadcast_to(x, (chains, *x.shape)) for x in (inputs, outputs)]
        hidden = [random_signs(self.rng, chains, patterns, machine.width) for _ in range(machine.depth - 1)]
        self.spins = [ends[0], *hidden, ends[1]]
        self.weights = [self._prior(layer) for layer in range(1, machine.depth + 1)]
        self.energy = total(machine, self.weights, self.spins)
        sizes = [(l, 0, n * c) for l, (n, c) in enumerate(zip(machine.widths[1:], machine.connections, strict=True), 1)]
        sizes += [(l, 1, machine.width * patterns) for l in range(1, machine.depth)]
        self.kinds = [(layer, kind) for layer, kind, size in sizes for _ in range(size)]

    def _prior(self, layer):
        machine, c = self.machine, self.machine.connections[layer - 1]
        shape = (len(self.chains), machine.widths[layer], c)
        rows = self.rng.standard_normal(shape)
        if machine.ensemble == "spherical":
            rows *= np.sqrt(c) / np.linalg.norm(rows, axis=-1, keepdims=True)
        if machine.ensemble == "ising":
            rows = np.sign(rows)
        dense = np.zeros((*shape[:2], machine.widths[layer - 1]))
        np.put_along_axis(dense, np.broadcast_to(machine.sources(layer), shape), rows, axis=-1)
        return dense

    def sweep(self, sweeps=1):
        for _ in range(sweeps * len(self.kinds)):
            layer, kind = self.kinds[self.rng.integers(len(self.kinds))]
            (self._offer_spin if kind else self._offer_weight)(layer)

    def _offer_spin(self, layer):
        S = self.spins[layer]
        new = S.copy()
        mu, i = (self.rng.integers(n, size=len(self.chains)) for n in S.shape[1:])
        new[self.chains, mu, i] *= -1
        self._decide(self.spins, layer, new)

    def _offer_weight(self, layer):
        J, n, rng = self.weights[layer - 1], self.chains, self.rng
        new = J.copy()
        sources = self.machine.sources(layer)
        i = rng.integers(J.shape[1], size=len(n))
        a, b = rng.permuted(np.broadcast_to(sources[0] * 0 + np.arange(sources.shape[1]), (len(n), sources.shape[1])),
                            axis=1)[:, [0, -1]].T  # fmt: skip
        a, b = sources[i, a], sources[i, b]
        x = self.d * rng.standard_normal(len(n))
        if self.machine.ensemble == "ising":
            new[n, i, a] *= -1
        elif self.machine.ensemble == "gaussian":
            new[n, i, a] = (new[n, i, a] + x) / np.sqrt(1 + self.d**2)
        else:
            first, second = J[n, i, a], J[n, i, b]
            new[n, i, a] = np.cos(x) * first - np.sin(x) * second
            new[n, i, b] = np.sin(x) * first + np.cos(x) * second
        self._decide(self.weights, layer - 1, new)

    def _decide(self, arrays, place, new):
        old, arrays[place] = arrays[place], new
        energy = total(self.machine, self.weights, self.spins)
        accept = self.rng.random(len(energy)) < np.exp(-self.beta * np.maximum(energy - self.energy, 0))
        arrays[place] = np.where(accept[:, None, None], new, old)
        self.energy = np.where(accept, energy, self.energy)


# Running the kernels on many replicas

optimized = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 1})
"""For many sweeps; what else tests compile is not optimized (`conftest.py`)."""


def replica_keys(seed, number):
    return jax.vmap(lambda r: keys.address(keys.root(seed), r))(jnp.arange(number))


def ensemble(machine, step, boundary, *, weight_step=0.5):
    """Compiled `run(keys, states, betas, start, stop) -> (states, info)` over independent replicas."""
    kernel = step if isinstance(step, Kernel) else Kernel(lambda state, boundary: state, step, None)
    loop = advance(kernel, refresh=None)

    def run(key, state, beta, start, stop):
        path = BetaPath(jnp.zeros(1), beta[None], "steps")
        return loop(
            key, state, Drive(path, jnp.int32(0), {"weight_step": jnp.float32(weight_step)}, boundary), start, stop
        )

    batch = optimized(jax.vmap(run, in_axes=(0, 0, 0, None, None)))
    return lambda key, state, beta, start, stop: batch(key, state, beta, jnp.int32(start), jnp.int32(stop))


def batch_of(machine, weights, spins, boundary):
    """States from stacked weights (replica, layer, slot, neuron) and spins (replica, layer, neuron, pattern).

    Pre-activations are computed by NumPy: nothing to compile.
    """
    state = State(spins, weights, ())
    layers = all_layers(state, boundary)
    J = matrices(machine, state)
    gathered = [J[l - 1] @ np.swapaxes(layers[l - 1], -1, -2) for l in range(1, machine.depth + 1)]
    fields = [stack.scale * np.stack([gathered[l - 1] for l in stack.layers], 1) for stack in machine.stacks]
    weights, fields = (tuple(jnp.asarray(x, jnp.float32) for x in arrays) for arrays in (weights, fields))
    return State(jnp.asarray(spins), weights, fields)


def random_states(machine, boundary, number, seed=0):
    """Configurations at infinite temperature."""
    rng = np.random.default_rng(seed)
    weights = []
    for stack in machine.stacks:
        J = rng.standard_normal((number, len(stack.layers), stack.connectivity, stack.fan_out))
        if machine.ensemble == "ising":
            J = np.sign(J)
        if machine.ensemble == "spherical":
            J *= np.sqrt(stack.connectivity / (J**2).sum(-2, keepdims=True))
        weights.append(J)
    spins = random_signs(rng, number, machine.depth - 1, machine.width, boundary.inputs.shape[1])
    return batch_of(machine, tuple(weights), spins, boundary)


def repeated(state, number):
    """A batch of equal states."""
    return jax.tree.map(lambda x: jnp.asarray(np.broadcast_to(x, (number, *x.shape))), state)


def frozen(machine, state, boundary, number, seed=1):
    """Batch with the weights of `state` and random hidden spins."""
    weights = tuple(np.broadcast_to(J, (number, *J.shape)) for J in state.weights)
    spins = random_signs(np.random.default_rng(seed), number, *state.spins.shape)
    return batch_of(machine, weights, spins, boundary)


# Statistics


def z_score(samples, expected):
    """(mean - expected) / standard error of independent samples, first axis."""
    samples = np.asarray(samples, float)
    error = samples.std(0, ddof=1) / np.sqrt(len(samples))
    return (samples.mean(0) - expected) / np.maximum(error, 1e-5)


def z_between(a, b):
    """Difference of the means of two sets of independent samples over its standard error, first axis."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    variance = a.var(0, ddof=1) / len(a) + b.var(0, ddof=1) / len(b)
    return (a.mean(0) - b.mean(0)) / np.sqrt(np.maximum(variance, 1e-24))


def z_of_counts(counts, probabilities):
    """Chi-squared test of counts against probabilities as the z of equal tail; inf if an impossible state occurs.

    States of expectation below 5 are put together.
    """
    counts, expected = np.asarray(counts, float), probabilities * np.sum(counts)
    if counts[probabilities == 0].any():
        return np.inf
    common = expected >= 5
    pairs = [*zip(counts[common], expected[common], strict=True), (counts[~common].sum(), expected[~common].sum())]
    if pairs[-1][1] < 5 and len(pairs) > 1:
        rest, last = pairs.pop(), pairs.pop()
        pairs.append((rest[0] + last[0], rest[1] + last[1]))
    observed, expected = np.array(pairs).T
    statistic = ((observed - expected) ** 2 / expected).sum()
    return min(float(norm.isf(chi2.sf(statistic, max(1, len(pairs) - 1)))), 1e9)


def worst(*values):
    """Largest |z| in nested arrays."""
    return max(float(np.abs(v).max()) for v in itertools.chain(values))


def is_hard(machine):
    return isinstance(machine.potential, HardCore)


def state_at(batch, n) -> State:
    """Replica n of a batch."""
    return jax.tree.map(lambda x: x[n], batch)


def initialised(kernel, batch, boundary):
    """A batch of states with their cached fields made exact by `kernel.init`."""
    return jax.jit(jax.vmap(kernel.init, in_axes=(0, None)))(batch, boundary)
