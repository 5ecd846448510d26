"""From a recording to the files of other tools, and what of it they have no place for.

Must not know any form of log that is read, nor where a file lies.
"""
