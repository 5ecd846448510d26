"""Piles by the thousand on one loop: they dial a real platform, live their day, and the platform is judged."""
