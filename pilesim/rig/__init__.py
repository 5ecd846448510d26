"""Joins the two ends, the impairments of the line and the recorder. Must not know scenarios."""
