"""Pictures, videos and tables. One idea a file; matplotlib and Pillow are imported where something is drawn."""
