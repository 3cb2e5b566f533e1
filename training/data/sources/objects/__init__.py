"""Parts that all formats with objects share."""
