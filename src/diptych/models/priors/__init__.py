"""Networks that know which codes make an image: what comes next, or what is hidden."""
