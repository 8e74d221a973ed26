"""A plan on the screen: what changes in which resource, and how far it got."""
