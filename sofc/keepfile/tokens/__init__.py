"""Deflate data of any encoder, made again from what it inflates to and a small remainder.

The data is taken apart into blocks and tokens; each decision of its encoder is coded with adaptive bit models, in the
context of what usual encoders would do there.
"""
