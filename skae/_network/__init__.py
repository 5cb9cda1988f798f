"""Networks, their parameters and geometry: NumPy only, with no knowledge of training."""
