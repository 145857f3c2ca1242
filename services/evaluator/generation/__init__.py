"""Write passages: what is asked of the models, the client that asks, and the samples on disk."""
