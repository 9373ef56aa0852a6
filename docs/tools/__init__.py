"""What makes the site of the documentation: pages from the code, and hooks of its builder."""
