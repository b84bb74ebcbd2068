"""Energy and forces of the thermal machine: finite differences, automatic gradients, quadrature."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dynamics import going, reference, z

import glassnet as gn
from glassnet.core import keys
from glassnet.perceptron.state import Boundary, State
from glassnet.sampling import langevin
from glassnet.sampling.langevin import Langevin
from glassnet.thermal import energy as physics
from glassnet.thermal.system import Thermal

RAGGED = gn.ThermalMachine(depth=4, width=3, inputs=5, outputs=2)
MACHINES = [
    RAGGED,
    gn.ThermalMachine(depth=3, width=4),
    gn.ThermalMachine(depth=1, width=3, inputs=4),
    gn.ThermalMachine(depth=2, width=3, inputs=4, outputs=1),
]


def data(machine, patterns=6, seed=0):
    rng = np.random.default_rng(seed)
    ends = (2 * rng.integers(2, size=(patterns, machine.widths[side])) - 1 for side in (0, -1))
    return gn.tasks.Task.from_arrays(*ends)


def drawn(machine, patterns=6, seed=1):
    """Weights and neurons by layer, float64, boundaries included."""
    rng, task = np.random.default_rng(seed), data(machine, patterns)
    weights = [rng.uniform(-1, 1, shape) for shape in zip(machine.widths[1:], machine.widths[:-1], strict=True)]
    hidden = [rng.uniform(-1, 1, (patterns, machine.width)) for _ in range(machine.depth - 1)]
    return weights, [task.inputs.astype(float), *hidden, task.outputs.astype(float)]


def plain(machine, weights, neurons):
    """H in NumPy, from the formula."""
    total = 0.0
    for l, J in enumerate(weights, start=1):
        r = neurons[l] - np.tanh(np.einsum("ij,mj->mi", J, neurons[l - 1]))
        total += np.sqrt((r * r).sum())
    return total


def laid_out(machine, weights, neurons):
    task = data(machine, len(neurons[0]))
    return Thermal(machine).given((weights, neurons), task), Thermal(machine).clamped(task)


@pytest.mark.parametrize("machine", MACHINES, ids=str)
def test_energies_agree(machine):
    weights, neurons = drawn(machine)
    by_layer = gn.energy(machine, weights, neurons)
    assert by_layer.shape == (machine.depth,) and by_layer.dtype == np.float64
    np.testing.assert_allclose(by_layer.sum(), plain(machine, weights, neurons), rtol=1e-12)
    state, boundary = laid_out(machine, weights, neurons)
    np.testing.assert_allclose(physics.layer_energies(machine, state, boundary), by_layer, rtol=1e-5)
    np.testing.assert_allclose(physics.forces(machine, state, boundary)[0], by_layer.sum(), rtol=1e-5)


@pytest.mark.parametrize("machine", MACHINES, ids=str)
def test_forces_are_gradients(machine):
    """The reverse pass by hand against `jax.grad`, and against central differences of the formula in float64."""
    weights, neurons = drawn(machine)
    state, boundary = laid_out(machine, weights, neurons)
    by_hand = physics.forces(machine, state, boundary)[1]
    slopes = jax.grad(lambda x: physics.layer_energies(machine, x, boundary).sum())(state)
    for mine, slope in zip(jax.tree.leaves(by_hand), jax.tree.leaves(slopes), strict=True):
        np.testing.assert_allclose(mine, -slope, atol=2e-6)
    differences = jax.tree.map(lambda x: np.zeros(x.shape), by_hand)
    for n, J in enumerate(weights):
        for place in np.ndindex(J.shape):
            g = machine.network.stack_of(n + 1)
            slot = n + 1 - machine.network.stacks[g].first, *place[::-1]
            differences.weights[g][slot] = -central(machine, weights, neurons, J, place)
    for l in range(1, machine.depth):
        for place in np.ndindex(neurons[l].shape):
            differences.spins[l - 1][place[::-1]] = -central(machine, weights, neurons, neurons[l], place)
    for mine, slope in zip(jax.tree.leaves(by_hand), jax.tree.leaves(differences), strict=True):
        np.testing.assert_allclose(mine, slope, atol=2e-6)


def central(machine, weights, neurons, array, place, width=1e-6):
    """Slope of H along one entry of `array`, which is among weights or neurons."""
    here, found = array[place], []
    for sign in (1, -1):
        array[place] = here + sign * width
        found.append(plain(machine, weights, neurons))
    array[place] = here
    return (found[0] - found[1]) / (2 * width)


def test_the_cusp_is_guarded():
    """Where a layer has no energy, its forces are 0, not NaN."""
    machine = gn.ThermalMachine(depth=2, width=3, inputs=4, outputs=2)
    weights, neurons = drawn(machine)
    weights[0], neurons[1] = np.zeros_like(weights[0]), np.zeros_like(neurons[1])
    state, boundary = laid_out(machine, weights, neurons)
    total, found = physics.forces(machine, state, boundary)
    np.testing.assert_allclose(total, gn.energy(machine, weights, neurons)[1], rtol=1e-6)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(found))
    np.testing.assert_array_equal(found.weights[0], 0)
    assert np.abs(found.spins).max() > 0  # the layer above pulls


def test_the_whole_machine_follows_the_reference():
    """Twenty steps of BAOAB in float64, with forces from central differences and the noise of the kernel."""
    machine, dynamics, T, steps = gn.ThermalMachine(2, 2, inputs=3, outputs=1), Langevin(0.05, 0.1), 0.1, 20
    weights, neurons = drawn(machine, patterns=3)
    state, boundary = laid_out(machine, weights, neurons)
    states = jax.tree.map(lambda x: x[None], state)
    rng = np.random.default_rng(2)
    v = jax.tree.map(lambda x: jnp.asarray(rng.normal(size=(1, *x.shape)), jnp.float32), state)
    found = going(partial(physics.forces, machine), dynamics, T, states, steps, clamped=boundary, velocities=v)
    leaves, structure = jax.tree.flatten(state)

    def unpacked(x):
        parts = np.split(x, np.cumsum([leaf.size for leaf in leaves])[:-1])
        return jax.tree.unflatten(structure, [p.reshape(leaf.shape) for p, leaf in zip(parts, leaves, strict=True)])

    def potential(x):
        at = unpacked(x)
        matrices = [J.T for stack in at.weights for J in stack]
        return plain(machine, matrices, [neurons[0], *(S.T for S in at.spins), neurons[-1]])

    def force(x):
        shifts = 1e-6 * np.eye(len(x))
        return np.array([-(potential(x + e) - potential(x - e)) / 2e-6 for e in shifts])

    def flat(tree):
        return np.concatenate([np.asarray(leaf, float).ravel() for leaf in jax.tree.leaves(tree)])

    replica = keys.address(keys.root(0), 0)
    xi = [flat(langevin.noise(keys.address(replica, t), state)) for t in range(steps)]
    first = jax.tree.map(lambda x: x[0], v)
    exact = reference(force, dynamics, T, flat(state), flat(first), xi)
    np.testing.assert_allclose(flat(found.positions), exact[0], atol=2e-5)
    np.testing.assert_allclose(flat(found.velocities), exact[1], atol=1e-4)


SMALL, TEMPERATURE = gn.ThermalMachine(2, 1), 0.3
"""Two weights and, of two patterns, two neurons."""


def averages():
    """Exact means of J_1, J_2^2 and S (first pattern) of SMALL by quadrature, for the data of `boltzmann`."""
    points = 61
    nodes, weights = np.polynomial.legendre.leggauss(points)
    J1, J2, S, R = np.meshgrid(*[nodes] * 4, indexing="ij", sparse=True)
    (x, y), (u, w) = INPUTS, OUTPUTS
    first = np.sqrt((S - np.tanh(J1 * x)) ** 2 + (R - np.tanh(J1 * y)) ** 2)
    second = np.sqrt((u - np.tanh(J2 * S)) ** 2 + (w - np.tanh(J2 * R)) ** 2)
    law = np.exp(-(first + second) / TEMPERATURE)
    for axis in range(4):
        law = law * weights.reshape([-1 if n == axis else 1 for n in range(4)])
    total = law.sum()
    names = {"J1": J1, "J2^2": J2**2, "S": S, "H": first + second, "S R": S * R}
    return {name: float((law * f).sum() / total) for name, f in names.items()}


INPUTS, OUTPUTS = (1.0, -1.0), (1.0, -1.0)


def boltzmann(replicas=6000, steps=400, forces=None):
    """Values after many steps of as many independent replicas, started anywhere."""
    rng = np.random.default_rng(5)
    draw = lambda *shape: jnp.asarray(rng.uniform(-1, 1, (replicas, *shape)), jnp.float32)  # noqa: E731
    states = State(draw(1, 1, 2), (draw(2, 1, 1),), ())
    boundary = Boundary(jnp.array([INPUTS]), jnp.array([OUTPUTS]))
    move = forces or partial(physics.forces, SMALL)
    end = going(move, Langevin(0.05, 0.05), TEMPERATURE, states, steps, clamped=boundary)
    J, S = np.asarray(end.positions.weights[0])[:, :, 0, 0], np.asarray(end.positions.spins)[:, 0, 0]
    E = [float(x) for x in end.energy]
    return {"J1": J[:, 0], "J2^2": J[:, 1] ** 2, "S": S[:, 0], "H": np.array(E), "S R": S[:, 0] * S[:, 1]}, end


def test_the_law_is_that_of_boltzmann():
    found, end = boltzmann()
    deviations = {name: z(found[name], exact) for name, exact in averages().items()}
    assert max(map(abs, deviations.values())) < 4.5, deviations
    v = jnp.concatenate([x.reshape(len(x), -1) for x in jax.tree.leaves(end.velocities)], 1)
    assert abs(z(v**2, TEMPERATURE)) < 4.5


@pytest.mark.parametrize("missing", ["pull of the layer above", "push of the own layer", "weights"])
def test_a_missing_force_is_noticed(missing):
    def forces(state, boundary):
        energy, force = physics.forces(SMALL, state, boundary)
        own = jax.grad(lambda S: physics.layer_energies(SMALL, State(S, state.weights, ()), boundary)[0])(state.spins)
        hidden = {"pull of the layer above": -own, "push of the own layer": force.spins + own, "weights": force.spins}
        kept = tuple(jnp.zeros_like(J) for J in force.weights) if missing == "weights" else force.weights
        return energy, State(hidden[missing], kept, ())

    found, _ = boltzmann(forces=forces)
    assert max(abs(z(found[name], exact)) for name, exact in averages().items()) > 6


MISTAKES = [
    (lambda J, S: J.pop(), "`weights` must hold 4 arrays, one for each layer, but is 3"),
    (lambda J, S: J.__setitem__(1, J[1][:, :2]), r"`weights\[1\]` must have shape \(3, 3\), but is \(3, 2\)"),
    (lambda J, S: S[2].__setitem__((0, 0), 1.5), r"`neurons\[2\]` must lie in \[-1, 1\], but is 1.5"),
    (lambda J, S: J[0].__setitem__((0, 0), np.nan), r"`weights\[0\]` must lie in \[-1, 1\], but is nan"),
    (lambda J, S: S.__setitem__(3, S[3][:5]), r"`neurons` must have one number of patterns, .*, but is \[5, 6\]"),
]


@pytest.mark.parametrize(("spoil", "message"), MISTAKES)
def test_bad_configurations_are_refused(spoil, message):
    weights, neurons = drawn(RAGGED)
    spoil(weights, neurons)
    with pytest.raises(ValueError, match=f"^Argument {message}"):
        gn.energy(RAGGED, weights, neurons)


def test_perceptrons_keep_their_energy():
    machine = gn.Machine(depth=2, width=3)
    rng = np.random.default_rng(0)
    weights, spins = [rng.normal(size=(3, 3)) for _ in range(2)], [np.sign(rng.normal(size=(4, 3))) for _ in range(3)]
    from glassnet.perceptron import reference as perceptron

    np.testing.assert_array_equal(gn.energy(machine, weights, spins), perceptron.energy(machine, weights, spins))
    with pytest.raises(ValueError, match="`depth` must be an integer of at least 1, but is 0"):
        gn.ThermalMachine(0, 3)
    assert gn.ThermalMachine(2, np.int64(3)).widths == (3, 3, 3)
