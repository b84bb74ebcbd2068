"""Labelled results: the schema of all variables, Datasets, provenance, files. Nothing else knows xarray files."""
