"""Guesses at bodies that no layout fits: which bytes look like times, orders, counters, energy or money, text, padding.

Knows no one protocol, sockets or clocks: each body comes with the instant at which its frame passed, where that is
known. Each guess is weighed by how unlikely it is in noise: bits of evidence, less those that looking in so many places
costs. What is told from a frame that is understood (a pile number, an order) is found again first; then times, text and
digits, numbers that rise, and what never changes. A byte is claimed once.
"""
