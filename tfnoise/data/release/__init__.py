"""PMQD's release: fetched, verified, unpacked; no part of it needs TensorFlow."""
