"""The deep perceptron: machine, potentials, weight ensembles, configuration, sweeps, observables."""
