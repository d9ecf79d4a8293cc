"""Features of a frozen image encoder, computed once and read in place of pictures."""
