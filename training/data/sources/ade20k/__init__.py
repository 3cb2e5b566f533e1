"""ADE20K: the class maps of the scene parsing challenge."""
