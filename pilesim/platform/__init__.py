"""The reference platform, sans-IO: replies, order life, timers, tariffs, ledger. Must not know pile or rules."""
