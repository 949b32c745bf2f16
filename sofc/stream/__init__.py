"""Encoder and Decoder: incremental, no I/O. Import them from their modules or from sofc; this package loads nothing."""
