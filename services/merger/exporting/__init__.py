"""Export a merged model as a GGUF file."""
