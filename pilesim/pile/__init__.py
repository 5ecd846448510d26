"""The simulated charger: SimPy inside, sans-IO outside. Must not know the platform or the rules."""
