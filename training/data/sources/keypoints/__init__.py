"""Keypoints of one person per image, from CSV or MATLAB files."""
