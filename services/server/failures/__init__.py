"""Why an engine does not start: what its log says, and whether transformers loads its model."""
