"""Moves: each a kernel for one replica that leaves the Boltzmann weight times the prior invariant."""
