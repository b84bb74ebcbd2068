"""The Hamiltonian: machine, potential, state, energy."""
