"""Many logs of many piles, counted as the field counts: the ledger of each pile, and who drops off the line."""
