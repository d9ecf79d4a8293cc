"""What commands say as text that fits a terminal."""
