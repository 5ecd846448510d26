"""Looks for what the scenarios do not show: random schedules, judged by the rules, and reduced to what matters."""
