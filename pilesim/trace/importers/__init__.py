"""Any log of bytes becomes one recording. Must not know who judges it, nor what any message is good for.

`load` is the front, with the table of importers; `imported` holds what they all give.
"""
