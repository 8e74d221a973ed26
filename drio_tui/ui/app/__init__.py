"""The Textual app: start, navigation, quitting, failures, and the screens that belong to no feature."""
