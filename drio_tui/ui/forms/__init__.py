"""Forms built from JSON Schema: `schema_form.SchemaForm` shows a `drio_tui.schema.form.FormModel`.

Nothing here is imported when the program starts.
"""
