"""What tells an encoding by the bytes themselves, where no mark and no declaration does."""
