"""How trained networks are used, without what trained them."""
