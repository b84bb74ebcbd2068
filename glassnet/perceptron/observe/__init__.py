"""Observables of one replica or of a pair, resolved by layer: pure JAX, evaluated while a run goes on."""
