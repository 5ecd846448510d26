"""The YKC (云快充) protocol."""
