"""The thermal machine: real weights and neurons in a box, moved by molecular dynamics   [Huang et al. 2025]."""
