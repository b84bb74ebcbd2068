"""Nodes for Gaussian averages whose integrand may be a step or a kink.

At an overlap lambda = 1 - s^2 the local weights change over a distance s / sqrt(lambda) in the Gaussian
variable. Panels that shrink geometrically towards the place of the change keep full accuracy for every s.
"""

import numpy as np

REACH = 11.0
"""Half width of the Gaussian range: exp(-REACH^2 / 2) is 1e-27."""

_LEGENDRE = np.polynomial.legendre.leggauss(12)
_INNER = np.array([1.0, 2.0, 3.0, 4.0, 6.0, 8.0])
_SPIN_STEP = 0.2
_SPIN_REACH = 45.0


def graded_nodes(centre: np.ndarray, width: np.ndarray, reach: float = REACH) -> tuple[np.ndarray, np.ndarray]:
    """Nodes z and weights w with int Dz g(z) = sum w g(z), refined around `centre` on the scale `width`.

    Gauss-Legendre panels of length 1.7 on [-reach, reach], cut again at centre +- width (1, 2, 3, 4, 6, 8,
    16, 32, ...).

    Args:
        centre: place of the step, any shape.
        width: its width, > 0, same shape.
        reach: half width of the range.
    Returns:
        Two arrays of shape (*centre.shape, nodes).
    """
    doublings = max(0, int(np.ceil(np.log2(2 * reach / (8 * np.min(width))))))
    side = np.concatenate([_INNER, 8.0 * 2.0 ** np.arange(1, doublings + 1)])
    offsets = np.concatenate([-side[::-1], [0.0], side])
    graded = centre[..., None] + width[..., None] * offsets
    uniform = np.linspace(-reach, reach, int(1.2 * reach) + 1)
    uniform = np.broadcast_to(uniform, (*centre.shape, uniform.size))
    edges = np.sort(np.clip(np.concatenate([graded, uniform], axis=-1), -reach, reach), axis=-1)
    half = np.diff(edges) / 2
    z = (edges[..., :-1] + half)[..., None] + half[..., None] * _LEGENDRE[0]
    w = half[..., None] * _LEGENDRE[1] * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    shape = (*centre.shape, -1)
    return z.reshape(shape), w.reshape(shape)


def even_field_nodes(variance: np.ndarray, tilt: float = 0.0, localised: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Nodes y >= 0 and log weights of N(0, variance) for even functions of y that are analytic for |Im y| < pi/2.

    The trapezoidal rule converges exponentially for such functions (tanh^2, ln cosh, cosh^m).

    Args:
        variance: shape (n,), >= 0.
        tilt: m of a factor cosh^m y, which moves the mass to |y| = m variance.
        localised: the function falls like exp(-|y|) or faster, so that large y are not needed.
    Returns:
        y of shape (n, nodes) and ln w of the same shape.
    """
    scale = np.sqrt(np.maximum(variance, 1e-300))
    step = np.minimum(_SPIN_STEP, 0.7 * scale)
    limit = 9.0 * scale + tilt * variance
    limit = np.minimum(limit, _SPIN_REACH) if localised else limit
    count = int(np.ceil(np.max(limit / step))) + 1
    y = step[:, None] * np.arange(count)
    log_weight = np.log(2 * step / (np.sqrt(2 * np.pi) * scale))[:, None] - (y / scale[:, None]) ** 2 / 2
    log_weight[:, 0] -= np.log(2.0)
    return y, log_weight


def field_nodes(variance: float, tilt: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes x >= 0 and ln weights of N(0, variance), for a function of x (analytic for |Im x| < pi/2) and another
    variable that is even in both together: the weights are those of the whole line.

    Args:
        variance: >= 0.
        tilt: m of a factor cosh^m x, which moves the mass to |x| = m variance.
    Returns:
        x and ln w, each of shape (nodes,).
    """
    scale = np.sqrt(max(variance, 1e-300))
    step = min(0.28 / scale, 0.75)
    count = int(np.ceil((8.6 + tilt * scale) / step))
    z = step * np.arange(count + 1)
    log_weight = np.log(2 * step / np.sqrt(2 * np.pi)) - z**2 / 2
    log_weight[0] -= np.log(2.0)
    return scale * z, log_weight
