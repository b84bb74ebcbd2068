"""Samplers: kernels, acceptance, plans, the contract of a system. Nothing here knows a Hamiltonian."""
