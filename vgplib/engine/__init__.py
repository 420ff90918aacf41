"""Many networks at once: grids of settings and seeds, and the atlases that keep them."""
