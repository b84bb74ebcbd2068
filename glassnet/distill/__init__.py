"""Distillation: machines that teach machines."""
