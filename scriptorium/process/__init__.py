"""Child processes, ports, the GPU and liveness. Imports nothing: the set-up uses parts of it before an install."""
