"""Reader of VGG Image Annotator's files."""
