"""Small labelled pictures that fit into memory: handwritten digits, clothes, CIFAR-10."""
