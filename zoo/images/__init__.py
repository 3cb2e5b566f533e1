"""Image files to pixels: the one way in which training, prediction and exported files read them.

Every reader gives (H, W, 3) uint8 RGB by these rules:

- **Orientation**: turned upright by the EXIF orientation of JPEG, PNG, WebP, TIFF and AVIF files.
  Sizes, boxes and masks are those of the upright image. Orientations in XMP are not applied.
- **16 bits**: the high byte of each value, `value >> 8`, grey and color alike.
- **32-bit integers** (TIFF): as 16 bits; values below 0 or above 65535 are refused.
- **Floats** (TIFF): intensities from 0 to 1, times 255 and rounded; other values are refused.
- **Grey, palette, 1 to 4 bits, CMYK, YCCK**: converted to RGB; color profiles are not applied.
- **Alpha**: dropped; the color of transparent pixels is as stored.
- **Several frames or pages** (GIF, WebP, PNG, TIFF, AVIF): the first.
- **Damaged or truncated files**: refused, also where a part could be decoded.
- **Grey models**: 0.2989 R + 0.587 G + 0.114 B of these pixels, see `to_grey`.

JPEG, PNG, GIF, WebP and BMP files are decoded by TensorFlow (`graph_decoding`), in exported files
too; the formats that it lacks by Pillow (`pillow_decoding`), which exported files do not have.
"""
