"""Many charges at many piles, and what the platform's ledger makes of them."""
