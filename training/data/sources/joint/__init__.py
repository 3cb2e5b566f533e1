"""A data set with boxes combined with one of classified images, in one class tree."""
