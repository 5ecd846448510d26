"""From findings to what explains them: the field cases and faults that a recording looks like, in words."""
