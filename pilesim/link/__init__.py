"""Bytes and time, no protocol. The only package that imports socket, selectors and serial."""
