"""What runs in the environment of llama.cpp, and imports nothing of ours."""
