"""TensorFlow Datasets, and `shapes`, which is one of them."""
