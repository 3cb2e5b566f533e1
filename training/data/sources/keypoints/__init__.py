"""One person's joints per image, from CSV or MATLAB files."""
