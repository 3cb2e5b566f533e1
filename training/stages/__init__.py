"""What some architectures need beside gradient steps, found through the card."""
