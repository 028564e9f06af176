"""Sealed days as shuffled, resumable batches to train models on, split by time."""
