"""The first screens: the apps, the templates, and the welcome screen for a new user."""
