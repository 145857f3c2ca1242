"""Keys of the API: what one is, where they lie on the volume, which of them are valid now, and when one is needed."""
