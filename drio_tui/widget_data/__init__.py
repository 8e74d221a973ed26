"""The data of a widget: field mappings applied to a tool's result, and the templates of a widget's actions.

The endpoint that serves widgets and the previews use the same rules for `fieldMappings` and templates. Nothing here
renders anything, and nothing here can execute code: paths and templates only look up values.
"""
