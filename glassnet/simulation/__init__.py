"""Protocols: hosts, waiting times, clones; how replicas are spread over a machine; the block loop."""
