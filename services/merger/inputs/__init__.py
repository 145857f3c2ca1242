"""Read a merge's inputs: the base, the adapter, their tensors and hashes."""
