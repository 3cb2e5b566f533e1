"""Parts that the YOLO detectors share, and the loss of each paper."""
