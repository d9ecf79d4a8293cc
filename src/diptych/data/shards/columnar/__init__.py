"""Tables of pictures with captions in columns: Parquet and Arrow files."""
