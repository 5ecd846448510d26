"""A scenario: strict YAML in, typed steps, the player. It stimulates and never judges; must not know any rule."""
