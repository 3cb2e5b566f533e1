"""Caches of decoded samples, in memory or on disk, for all epochs of a run.

`cache="memory"` caches in this process; `cache="disk"` in files below `ZOO_CACHE_DIR`, or else the
user's cache folder; `cache="disk:FOLDER"` below that folder. Files are reused by later runs on the
same data with the same settings.
"""
