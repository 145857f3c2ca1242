"""Let a model write: in batches, at a temperature, for replay, for trials and for the samples of a checkpoint."""
