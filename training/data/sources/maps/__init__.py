"""Images with one class map or instance map each."""
