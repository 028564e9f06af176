"""Dagster: names, partitions, and when. The only floor that imports it; it computes nothing."""
