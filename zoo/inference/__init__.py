"""From a raw image to predictions: transform, tiling, test-time options, thresholds."""
