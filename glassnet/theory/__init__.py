"""Replica theory of the deep perceptron."""
from glassnet.theory.symmetric import replica_symmetric
