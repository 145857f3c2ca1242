"""Child processes, ports, the GPU and liveness. Imports nothing: the setup uses parts of it before the install."""
