"""Speed on this machine: rates of the sweeps, cores, memory, growth with size, what a run costs beyond them."""
