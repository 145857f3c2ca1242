"""How the system is run: as local processes, or in containers."""
