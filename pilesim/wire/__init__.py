"""Bytes <-> frames <-> messages. The only package that imports construct; knows no sockets and no clocks."""
