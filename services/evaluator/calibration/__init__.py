"""Judge what training tried, and choose the checkpoint, its strength and the temperature at which it writes."""
