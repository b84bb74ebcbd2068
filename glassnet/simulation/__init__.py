"""Carries a job out: hosts run, are cloned at waiting times and measured; replicas are spread over processors."""
