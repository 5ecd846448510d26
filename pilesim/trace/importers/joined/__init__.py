"""Two logs of one pile, one from each end of its line, as one recording at both ends, by the platform's clock.

Works on streams: each log is read once for what both have (prints), by which their clocks are compared (offsets) and
the holes in them found (holes), and once more for its events (together).
"""
