"""Small data sets in every format that `training` reads, and damage done to them."""
