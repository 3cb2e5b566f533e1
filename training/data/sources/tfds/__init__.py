"""TensorFlow Datasets, including the embedded `shapes`."""
