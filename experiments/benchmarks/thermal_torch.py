"""A time step of the thermal machine as one writes it in PyTorch, by autograd; run by `thermal.py`, on one core.

Reads weights, neurons and data from an npz file, prints energy and processor milliseconds a step as JSON.
"""

import json
import sys
import time

import numpy as np
import torch

torch.set_num_threads(1)


def energy(inputs, outputs, weights, neurons):
    """H = sum_l E_l of layers (pattern, neuron)."""
    layers = [inputs, *neurons, outputs]
    return sum(
        torch.linalg.vector_norm(S - torch.tanh(below @ J.T))
        for J, below, S in zip(weights, layers[:-1], layers[1:], strict=True)
    )


def reflected(x, v):
    """Positions thrown back by the walls at -1 and 1, and velocities."""
    out = x.abs() > 1
    return torch.where(out, 2 * x.sign() - x, x), torch.where(out, -v, v)


def main(path: str, steps: int, rounds: int) -> None:
    """BAOAB at T = 1e-5, friction 1e-3, time step 1e-2."""
    with np.load(path) as file:
        data = {name: torch.from_numpy(file[name]) for name in file.files}
    depth = sum(name.startswith("weights") for name in data)
    moving = [data[f"weights_{l}"] for l in range(depth)] + [data[f"neurons_{l}"] for l in range(depth - 1)]
    ends = data["inputs"], data["outputs"]

    def forces(positions):
        leaves = [x.detach().requires_grad_() for x in positions]
        H = energy(*ends, leaves[:depth], leaves[depth:])
        H.backward()
        return H.item(), [-x.grad for x in leaves]

    h, c, T = 1e-2, 1 - 1e-3, 1e-5
    s = (T * (1 - c * c)) ** 0.5
    v = [T**0.5 * torch.randn_like(x) for x in moving]
    H, F = forces(moving)
    best = float("inf")
    for _ in range(rounds):
        begun = time.process_time()
        for _ in range(steps):
            v = [u + h / 2 * f for u, f in zip(v, F, strict=True)]
            moving, v = zip(*[reflected(x + h / 2 * u, u) for x, u in zip(moving, v, strict=True)], strict=True)
            v = [c * u + s * torch.randn_like(u) for u in v]
            moving, v = zip(*[reflected(x + h / 2 * u, u) for x, u in zip(moving, v, strict=True)], strict=True)
            _, F = forces(moving)
            v = [u + h / 2 * f for u, f in zip(v, F, strict=True)]
        best = min(best, (time.process_time() - begun) / steps)
    print(json.dumps({"energy": H, "ms": 1e3 * best, "torch": torch.__version__}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
