"""Parts that the readers of annotation tools' files share."""
