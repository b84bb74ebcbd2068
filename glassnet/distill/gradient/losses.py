"""What a student minimises: cross-entropy with the labels and with softened logits of its parents."""

import jax
import jax.numpy as jnp
from jax import Array


def cross_entropy(logits: Array, labels: Array) -> Array:
    """Cross-entropy with the labels.

        H = -ln softmax(a)_y

    Args:
        logits: a, shape (..., class).
        labels: y, integers, shape (...).
    Returns:
        One number for each pattern, in nats, shape (...).
    """
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[..., None], -1)[..., 0]


def divergence(parent: Array, student: Array, temperature: Array | float) -> Array:
    """Softened Kullback-Leibler divergence, summed over classes.

        D = tau^2 KL(softmax(a_t/tau) || softmax(a_s/tau))     [Hinton et al. 2015; Mirzadeh et al. 2020]

    For tau -> infinity it tends to half the variance of a_t - a_s over classes, for tau -> 0, over tau, to the gap
    between the student's largest logit and its logit of the parent's class.

    Args:
        parent: a_t, shape (..., class).
        student: a_s, same shape.
        temperature: tau > 0.
    Returns:
        One number >= 0 for each pattern, in nats, shape (...).
    """
    p, q = jax.nn.log_softmax(parent / temperature), jax.nn.log_softmax(student / temperature)
    return temperature**2 * (jnp.exp(p) * (p - q)).sum(-1)


def loss(
    logits: Array, labels: Array, parents: Array, mix: Array, weight: Array | float, temperature: Array | float
) -> Array:
    """The loss of a batch: its mean over patterns, sums over classes.

        L = (1 - lambda) H(softmax(a_s), y) + lambda sum_p w_p tau^2 KL(softmax(a_p/tau) || softmax(a_s/tau))

    [Mirzadeh et al. 2020]. Several parents, as in dense guidance [Son et al. 2021], have shares that sum to 1.

    Args:
        logits: a_s of the student, shape (pattern, class).
        labels: y, shape (pattern,).
        parents: a_p of the parents for the same patterns, shape (pattern, parent, class); without parents only the
            cross-entropy is there, whatever lambda.
        mix: share w_p of each parent, shape (parent,).
        weight: lambda in [0, 1].
        temperature: tau > 0.
    Returns:
        One number.
    """
    own = cross_entropy(logits, labels).mean()
    if not parents.shape[1]:
        return own
    taught = divergence(parents, jnp.broadcast_to(logits[:, None], parents.shape), temperature)
    return (1 - weight) * own + weight * (taught * mix[None]).sum(1).mean()
