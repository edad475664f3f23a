"""How fast and how large: the same measures on CPU and CUDA."""
