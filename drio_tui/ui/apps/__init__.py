"""The first screens: the apps, the templates, and the welcome of someone who is signed out."""
