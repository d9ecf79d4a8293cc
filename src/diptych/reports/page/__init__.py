"""The parts that all HTML reports are made of."""
