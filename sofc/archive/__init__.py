"""A tree of files of all kinds as one folder: images by sofc, all else packed, each file given back byte for byte."""
