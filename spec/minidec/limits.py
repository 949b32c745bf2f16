"""Spec container/limits-and-safety: this decoder's own bounds, small because it is slow."""

MAX_VALUES = 1 << 22
"""Samples times components of a band or group."""
MAX_OUTPUT = 1 << 28
"""Bytes of all images of a file."""
MAX_IMAGES = 1 << 16
MAX_CODEBOOK = 1 << 26
"""Bytes of a codebook."""
MAX_SHAPE_SAMPLES = 1 << 20
"""Samples of all shapes of a section."""
MAX_SECTIONS = 64
"""Sections of a model."""
MAX_BIT_MODELS = 1 << 24
"""Adaptive bit models of a model."""
MAX_METADATA = 1 << 24
"""Bytes of a packed metadata item, unpacked: a rule of the format."""
MAX_KEPT_FILE = 1 << 26
"""Bytes of a kept file, of the samples that it takes, and of what its parts are made of."""
