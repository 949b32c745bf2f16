import numpy as np, sofc, io, warnings

warnings.simplefilter("error")
import imageio.v3 as iio
from sofc.coders.kinds import Kind
from sofc.training.recipes import trainable
from sofc.keepfile import keep_coefficients

rng = np.random.default_rng(1)
y, x = np.mgrid[:64, :64]
g = [
    (100 + 50 * np.sin((y + k) / 5) + 30 * np.cos(x / 7) + rng.integers(0, 9, x.shape)).astype(np.uint8)
    for k in range(3)
]
c = [np.stack([i, i // 2, 255 - i], -1) for i in g]
d = [i.astype(np.uint16) * 250 + 7 for i in g]
b = [i > 100 for i in g]
jp = [iio.imread(io.BytesIO(iio.imwrite("<bytes>", i, extension=".jpg"))) for i in c]
jg = [iio.imread(io.BytesIO(iio.imwrite("<bytes>", i, extension=".jpg"))) for i in g]
lab = [(i // 40).astype(np.uint8) for i in g]
flt = [np.sin(i.astype(np.float32)) for i in g]
for images in (g, c, d, b, jp, jg, lab):
    for e in (1, 2, 3, 5, 7, 9):
        for im in images[:1]:
            assert (sofc.decode(sofc.encode(im, effort=e)) == im).all()
            assert (sofc.decode(sofc.encode(im, effort=e, codebook=None)) == im).all()
    cb = sofc.train(images, name="x", held_out=0).codebook
    for e in (1, 2, 5, 9):
        z = sofc.encode(images[0], codebook=cb, effort=e)
        assert (sofc.decode(z, codebooks={cb.id: cb}) == images[0]).all()
for im in flt:
    assert (sofc.decode(sofc.encode(im)) == im).all()
z = sofc.encode_images(g) if hasattr(sofc, "encode_images") else None
for q in (50, 98):
    keep_coefficients("a.jpg", iio.imwrite("<bytes>", c[0], extension=".jpg", quality=q), None, 5)
    keep_coefficients("a.jpg", iio.imwrite("<bytes>", c[0], extension=".jpg", quality=q, progressive=True), None, 5)
for name, coder in trainable().items():
    for im, k in ((g, Kind(1, 8)), (c, Kind(3, 8)), (b, Kind(1, 1)), (d, Kind(1, 16))):
        if coder.accepts(k) and coder.trace is None:
            sofc.train(im, name="w", coder=name, held_out=0)
print("done")
