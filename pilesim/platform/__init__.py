"""The reference platform, sans-IO: replies, order life, timers, ledger. Must not know the pile or the rules."""
