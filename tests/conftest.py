"""Settings of hypothesis. SOFC_HYPOTHESIS_PROFILE chooses: quick (default) or long."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Compiling kernels makes the first example of a test slow.
QUIET = (HealthCheck.too_slow, HealthCheck.data_too_large)
settings.register_profile("quick", max_examples=25, deadline=None, suppress_health_check=QUIET)
settings.register_profile("long", max_examples=1000, deadline=None, suppress_health_check=QUIET)
settings.load_profile(os.environ.get("SOFC_HYPOTHESIS_PROFILE", "quick"))
