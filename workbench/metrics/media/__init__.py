"""What runs show besides numbers: texts, pictures, confusion matrices, curves."""
