"""The functions and objects that open image files. Import them from sofc; this package loads nothing."""
