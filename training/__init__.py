"""The workshop: trains networks and exports bundles. Run from the checkout; the program never imports it."""
