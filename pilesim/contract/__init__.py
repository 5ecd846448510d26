"""What each protocol promises: deadlines, periods, state tables, by clause and field case.

Read by rules, pile and platform alike; must not know either side's code.
"""
