"""Compiled kernels for CPUs behind the contract of glassnet.dynamics."""
