"""Protocols: hosts, waiting times, clones; how replicas are spread over processors; the block loop."""
