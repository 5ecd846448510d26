"""From a recording to what lay behind it: a scenario that does it again, and what each bill should have said."""
