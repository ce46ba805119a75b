"""What people read, in Chinese and English, in a terminal or in a browser."""
