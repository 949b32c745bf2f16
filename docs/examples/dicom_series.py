"""Keep a series of DICOM slices as one file, and get any slice back as a DICOM file.

    python dicom_series.py [FOLDER]

Needs ``pip install "sofc[dicom]"``. Without a folder it makes a series of its own. The data sets are kept beside the
samples, without the pixel data.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

import sofc
from sofc import metadata
from sofc.imagefiles import ImageSource, load, walk
from sofc.metadata.dicom_file import DicomWriter


def make_series(folder: Path) -> Path:
    """Slices of a sphere, signed as CT numbers are, stored in another order than they were scanned in."""
    folder.mkdir()
    z, y, x = np.mgrid[-6:6, -48:48, -48:48]
    volume = np.where(z**2 * 16 + y**2 + x**2 < 1600, 40, -1000) + np.random.default_rng(5).integers(-9, 9, z.shape)
    for number, slice_ in enumerate(volume.astype("<i2")):
        data_set = Dataset()
        data_set.file_meta = FileMetaDataset()
        data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data_set.SOPClassUID, data_set.SOPInstanceUID = CTImageStorage, generate_uid()
        data_set.PatientName, data_set.InstanceNumber = "Sphere", number + 1
        data_set.Rows, data_set.Columns = slice_.shape
        data_set.SamplesPerPixel, data_set.PhotometricInterpretation = 1, "MONOCHROME2"
        data_set.BitsAllocated, data_set.BitsStored, data_set.HighBit, data_set.PixelRepresentation = 16, 12, 11, 1
        data_set.PixelData = slice_.tobytes()
        data_set.save_as(folder / f"{7 * number % 12:02}.dcm", enforce_file_format=True)
    return folder


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else make_series(Path("series"))
    # In scan order, in which neighbours are alike.
    paths = sorted(walk([folder]), key=lambda path: int(pydicom.dcmread(path, stop_before_pixels=True).InstanceNumber))

    with sofc.open_writer("series.sofc", effort=7) as writer:
        for path in paths:
            samples = load(ImageSource(path))
            header = sofc.header_for(samples.array, declared_bits=samples.declared_bits, meaning=samples.meaning)
            (kept,) = metadata.read(path, images=1)  # the data set without the samples
            writer.begin_image(header, metadata=kept)
            writer.write(samples.array)

    # One slice out of the middle; nothing else of the file is decoded.
    number = len(paths) // 2
    with sofc.open_reader("series.sofc") as reader:
        writer = DicomWriter(reader.metadata_of(number))
        with Path("slice.dcm").open("wb") as file:
            writer.begin(file)
            writer.add(reader.read_image(number))
            writer.finish()
    data_set, original = pydicom.dcmread("slice.dcm"), pydicom.dcmread(paths[number])
    assert np.array_equal(data_set.pixel_array, original.pixel_array) and data_set.PatientName == original.PatientName
    before, after = sum(path.stat().st_size for path in paths), Path("series.sofc").stat().st_size
    print(f"{len(paths)} slices: {before} -> {after} bytes; slice {number} is instance {data_set.InstanceNumber}")
    print("all of them as files: sofc decode series.sofc --format dicom")


if __name__ == "__main__":
    main()
