"""The document of an app: comparing it with drio, applying it, exporting the app to it."""
