"""How a model learns: sources, pipeline, augmentation, recipes, fitting, evaluation.

`training.trainer("unet", "masks:my/folder", out="runs/unet")` does it all; `open_source`,
`training_batches` and `validation_batches` give the parts to a plain `model.fit`.
"""
