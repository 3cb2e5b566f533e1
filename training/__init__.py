"""How a model learns: sources, pipeline, augmentation, metrics, recipes and fitting."""
