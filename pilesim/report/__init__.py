"""Result -> text and other formats. Must not know how the result was obtained."""
