"""Bytes to records and back: chunk framing, checks and layouts. Knows no samples and no coders."""
