"""Laws by which neurons are drawn forward, and whether such a draw is in equilibrium.

A neuron with the field h = sum_j J S_j / sqrt(c) is drawn with probability exp(-beta v(S h - kappa)) / z(h),

    z(h) = sum_S exp(-beta v(S h - kappa)).

Weights from their prior and neurons drawn so, layer after layer, have the joint law exp(-beta H) times the prior, over
the product of all z. If z does not depend on h, they are a configuration in equilibrium under their own inputs and
outputs as data, at any depth, width and temperature (Nishimori condition).
"""

from dataclasses import dataclass

import numpy as np

from glassnet.perceptron.machine import Machine
from glassnet.perceptron.potential import Counting, HardCore, Potential, SoftCore

LARGEST_FIELD = 8.0
"""Fields of Gaussian weights are compared up to this size at least."""

FIELDS = 200
"""Fields at which potentials are compared, where fields are real numbers."""

SAME = 1e-5
"""Relative difference up to which two probabilities are the same: temperatures are given with some digits."""


@dataclass(frozen=True)
class Law:
    """How a teacher was drawn: its weights, and its neurons forward, layer after layer.

    Args:
        from_prior: whether the weights are from the prior of the teacher's machine.
        noise: probability with which a neuron takes the sign opposite to that of its field, whatever the field.
        potential: in place of `noise`, neurons are drawn with weight exp(-beta v).
        beta: its inverse temperature.
    """

    from_prior: bool = True
    noise: float = 0.0
    potential: Potential | None = None
    beta: float | None = None

    def wrong(self, field: np.ndarray) -> np.ndarray:
        """Probability that a neuron with this field is not sgn h, sgn(0) = +1; shape of `field`, float64."""
        if self.potential is None or self.beta is None:
            return np.full(np.shape(field), self.noise)
        return wrong(self.potential, self.beta, field)

    @property
    def constant(self) -> float | None:
        """The probability that a neuron is wrong, where it is the same at all fields but zero; None where it is not."""
        if self.potential is None or self.beta is None:
            return self.noise
        if isinstance(self.potential, (Counting, HardCore)) and self.potential.margin == 0:
            return float(wrong(self.potential, self.beta, np.ones(1))[0])
        return None

    def __str__(self) -> str:
        """The law of the neurons in words."""
        if self.potential is None or self.beta is None:
            return f"wrong with probability {self.noise:.8g}" if self.noise else "never wrong"
        return f"drawn at beta = {self.beta:.8g} of {self.potential}"


def wrong(potential: Potential, beta: float, field: np.ndarray) -> np.ndarray:
    """Probability 1 / (1 + exp(beta (v(-|h| - kappa) - v(|h| - kappa)))) that a neuron is not the sign of its field.

    It is 1/2 where both signs cost the same, and NaN where a hard core forbids both.

    Args:
        potential: v.
        beta: inverse temperature, inf for zero temperature; has no effect on a hard core.
        field: h, any shape.
    """
    beta = np.inf if getattr(potential, "hard", False) else beta
    size = np.abs(np.asarray(field, float))
    right, other = (np.asarray(potential.energy(x - potential.margin), float) for x in (size, -size))
    with np.errstate(invalid="ignore", over="ignore"):
        rise = other - right
        return 1 / (1 + np.exp(np.where(rise == 0, 0.0, beta * rise)))


def fields_of(machine: Machine, c: int) -> np.ndarray:
    """Sizes |h| of fields that a neuron with c inputs can have, ascending: all of them where weights are whole numbers.

    Real weights give a field of zero with probability zero.
    """
    if machine.prior.integral:
        whole = np.arange(c + 1)
        return (whole[c % 2 :: 2] if machine.ensemble == "ising" else whole) / np.sqrt(c)
    return np.geomspace(1e-3, max(np.sqrt(c), LARGEST_FIELD), FIELDS)


def log_z(potential: Potential, beta: float, field: np.ndarray) -> np.ndarray:
    """ln z(h) = ln sum_S exp(-beta v(S h - kappa)); at zero temperature the number of signs without cost."""

    def exponent(gap: np.ndarray) -> np.ndarray:
        v = np.asarray(potential.energy(gap - potential.margin), float)
        with np.errstate(invalid="ignore"):
            return np.where(v == 0, 0.0, -beta * v)

    return np.logaddexp(exponent(field), exponent(-field))


def unlike_equilibrium(machine: Machine, beta: float, law: Law, layers: range) -> str | None:
    """Why neurons of these layers, drawn by a law, do not have the weight exp(-beta H) of a machine; None if they do.

    z(h) is computed at fields that occur, whatever the class of the potential.

    Args:
        machine: what is to be in equilibrium.
        beta: at which inverse temperature; has no effect on a hard core.
        law: how the neurons were drawn.
        layers: among 1..L.
    """
    beta, potential = np.inf if machine.hard else beta, machine.potential
    for c in sorted({machine.connections[l - 1] for l in layers}):
        h = fields_of(machine, c)
        z = log_z(potential, beta, h)
        if not np.isfinite(z).all() or np.ptp(z) > SAME:
            return _of_sum(machine, beta, h, z)
        ours, theirs = wrong(potential, beta, h), law.wrong(h)
        if not (np.abs(ours - theirs) <= SAME * ours).all():
            return _of_teacher(potential, beta, law)
    return None


def _of_sum(machine: Machine, beta: float, h: np.ndarray, z: np.ndarray) -> str:
    """Words for a z that depends on the field, or is zero."""
    potential = machine.potential
    where = f"at beta = {beta:.8g}"
    if potential.margin:
        return f"with a margin of {potential.margin:g} sum_S exp(-beta v(S h)) depends on the field h {where}"
    if h[0] == 0 and np.isfinite(z).all() and np.ptp(z[1:]) <= SAME:
        kind = machine.prior.name
        return f"fields of {kind} weights can be zero, where both signs cost the same, which no other field has"
    name = "a soft core" if isinstance(potential, SoftCore) else type(potential).__name__
    if np.isneginf(z).all():
        return f"with {name} every sign of every neuron costs energy, so that there is no ground state {where}"
    return f"with {name} sum_S exp(-beta v(S h)) depends on the field h {where}"


def _of_teacher(potential: Potential, beta: float, law: Law) -> str:
    """Words for a teacher that errs otherwise."""
    if law.constant == 0:
        return f"the teacher never errs, as in equilibrium at zero temperature, not at beta = {beta:.8g}"
    if isinstance(potential, Counting) and law.constant is not None:
        as_at = np.log(1 / law.constant - 1) / potential.strength
        return f"the teacher errs as in equilibrium at beta = {as_at:.8g}, not at {beta:.8g}"
    if law.potential == potential:
        return f"the teacher errs as in equilibrium at beta = {law.beta:.8g}, not at {beta:.8g}"
    return f"the teacher's neurons are {law}, not at beta = {beta:.8g} of {potential}"
