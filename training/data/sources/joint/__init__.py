"""Images with boxes and images with a class alone, of classes in one tree."""
