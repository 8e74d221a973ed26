"""How a tool's result fills a widget, and how a widget's actions are worded: data in, data out.

Both the endpoint that serves widgets and whoever previews one read `fieldMappings` and templates by these
rules. Nothing here draws, and nothing here can be made to run code: paths and templates only look things up.
"""
