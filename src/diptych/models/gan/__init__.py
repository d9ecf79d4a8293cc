"""Networks of generative adversarial networks: generators and discriminators."""
