"""Compiled kernels for CPUs behind the contract of glassnet.perceptron.sweeps."""
