"""Image files by their first bytes, those that sofc does not read among them: cheap, and without any library."""

from __future__ import annotations

from pathlib import Path

from sofc.imagefiles.heads import head_of

LONGEST = 348
"""Bytes that are looked at."""
_SIGNATURES = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (0, b"II+\x00", "BigTIFF"),
    (0, b"MM\x00+", "BigTIFF"),
    (0, b"\x93NUMPY", "NPY"),
    (0, b"YUV4MPEG2 ", "Y4M"),
    (8, b"WEBP", "WebP"),
    (0, b"qoif", "QOI"),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (4, b"ftypavi", "AVIF"),
    *((4, b"ftyp" + brand, "HEIF") for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL"),
    (0, b"II\xbc\x01", "JPEG XR"),
    (0, b"\x01\xda", "SGI"),
    (0, b"\x59\xa6\x6a\x95", "Sun raster"),
    (0, b"SIMPLE  =", "FITS"),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5"),
    (0, b"CDF\x01", "netCDF"),
    (0, b"CDF\x02", "netCDF"),
    (0, b"MATLAB 5.0 MAT-file", "MATLAB"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"#?RGBE", "Radiance HDR"),
    (0, b"PF\n", "Portable FloatMap"),
    (0, b"Pf\n", "Portable FloatMap"),
    (0, b"ZISRAWFILE", "CZI (Zeiss)"),
    (0, b"\xda\xce\xbe\x0a", "ND2 (Nikon)"),
    (208, b"MAP ", "MRC"),
    (0, b"NRRD000", "NRRD"),
    (0, b"ObjectType = Image", "MetaImage"),
    (0, b"# vtk DataFile", "VTK"),
    (0, b"!INTERFILE", "Interfile"),
    (2, b"ics_version", "ICS"),
    *((252, mark, "GIPL") for mark in (b"\xef\xff\xe9\xb0", b"\x2a\xe3\x89\xb8")),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "OLE2"),
    (0, b"8BPS", "Photoshop"),
    (0, b"DDS ", "DirectDraw Surface"),
    (0, b"icns", "Apple icon"),
    (0, b"\x00\x00\x01\x00", "Windows icon"),
    (0, b"AT&TFORM", "DjVu"),
    (0, b"BPG\xfb", "BPG"),
    (0, b"FLIF", "FLIF"),
    (0, b"SDPX", "DPX"),
    (0, b"XPDS", "DPX"),
    (0, b"\x80\x2a\x5f\xd7", "Cineon"),
    (0, b"Ph\n", "Portable FloatMap (half)"),
    (0, b"\x8aMNG\r\n\x1a\n", "MNG"),
    (0, b"\x8bJNG\r\n\x1a\n", "JNG"),
    (0, b"gimp xcf ", "GIMP"),
    (0, b"\xabKTX 11\xbb\r\n\x1a\n", "KTX"),
    (0, b"\xabKTX 20\xbb\r\n\x1a\n", "KTX"),
    (0, b"VTF\x00", "Valve texture"),
    (0, b"\x13\xab\xa1\x5c", "ASTC"),
    (0, b"FUJIFILMCCD-RAW ", "Fujifilm raw"),
    (0, b"IIU\x00", "Panasonic raw"),
    *((0, mark, "Olympus raw") for mark in (b"IIRO", b"IIRS", b"MMOR")),
    (0, b"FOVb", "Sigma raw"),
    (0, b"\x00MRM", "Minolta raw"),
    (6, b"HEAPCCDR", "Canon raw"),
    (4, b"ftypcrx ", "Canon raw"),
    (0, b"\xd7\xcd\xc6\x9a", "Windows metafile"),
    (40, b" EMF", "Windows metafile"),
    (0, b"/* XPM */", "X pixmap"),
    (0, b"farbfeld", "farbfeld"),
    (0, b"id=ImageMagick", "MIFF"),
    (0, b"LBLSIZE=", "VICAR"),
    (0, b"<svg", "SVG"),
    (0, b"Lerc2 ", "LERC"),
    (0, b"CntZImage ", "LERC"),
    (0, b"PG ML", "PGX"),
    (0, b"PG LM", "PGX"),
    (0, b"EHFA_HEADER_TAG", "ERDAS IMAGINE"),
    *((0, mark, "NITF") for mark in (b"NITF0", b"NSIF0")),
    *((0, mark, "PDS") for mark in (b"PDS_VERSION_ID", b"CCSD3ZF")),
    (0, b"\xff\x10\xff\x50", "JPEG XS"),
    (8, b"ILBM", "IFF"),
    (0, b"PVR\x03", "PowerVR texture"),
    (0, b"version https://git-lfs.github.com/", "Git LFS pointer"),
    (0, b"%PDF-", "PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"PK\x03\x04", "ZIP"),
    (0, b"#ASDF", "ASDF"),
    (0, b"GRIB", "GRIB"),
    (0, b"\x1aE\xdf\xa3", "Matroska"),
    (8, b"AVI ", "AVI"),
    *((4, b"ftyp" + brand, "MPEG-4") for brand in (b"isom", b"iso2", b"mp41", b"mp42", b"qt  ")),
    # Bitmaps: their mark is short, so that the size of their second head is looked at, too.
    *((14, bytes([size, 0, 0, 0]), "BMP") for size in (12, 40, 52, 56, 64, 108, 124)),
    (128, b"DICM", "DICOM"),
    (344, b"n+1\x00", "NIfTI"),
)
DOCUMENTS = (
    *("PDF", "PostScript", "SVG", "ZIP", "HDF5", "netCDF", "MATLAB", "OLE2", "ASDF", "GRIB"),
    *("Matroska", "AVI", "MPEG-4", "Git LFS pointer"),
)
"""Files that may hold images, but mostly hold something else."""


def name_of(path: Path) -> str | None:
    """``name_in`` the first bytes of a file."""
    return name_in(head_of(path)[:LONGEST])


def name_in(head: bytes) -> str | None:
    """What a file that begins so calls itself, such as "JPEG" or "FITS"; None where it is of no kind known here.

    A name does not say that sofc reads the file. Formats without a signature (TGA, IDX, bare samples) have none.
    """
    for place, signature, name in _SIGNATURES:
        if head.startswith(signature, place) and (name != "BMP" or head.startswith(b"BM")):
            return name
    # TGA files begin as cursors do: in their place for the number of pictures these have zeros.
    if head.startswith(b"\0\0\2\0") and head[4:5] > b"\0" and head[9:10] == b"\0":
        return "Windows cursor"
    if head[:1] == b"P" and head[1:2] in b"1234567" and head[2:3].isspace():
        return "PNM"
    return None
