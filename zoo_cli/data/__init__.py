"""`zoo data` and `zoo data-worker`."""
