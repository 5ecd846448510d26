"""The EV-Link family: evlink-2.5, evlink-2.6 and lhc, one definition with the versions as a column."""
