"""The expectations: trace in, findings out, in one pass. No I/O, no SimPy, no links, no pile, no platform."""
