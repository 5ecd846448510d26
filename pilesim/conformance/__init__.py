"""Scenarios x rig -> traces -> verdicts, and the result file. Must not know any output format."""
