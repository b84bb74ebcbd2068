"""Speed: rates of the sweeps against a hand-written yardstick and other samplers, memory, growth with size."""
