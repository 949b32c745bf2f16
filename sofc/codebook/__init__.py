"""Codebooks: what they hold, their bytes and id, and where they are found."""

from sofc.codebook.model import Codebook

__all__ = ["Codebook"]
