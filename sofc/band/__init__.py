"""From the samples of a band or group to streams and back."""
