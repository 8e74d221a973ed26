"""Forms drawn from JSON Schema: `form.SchemaForm` shows a `drio_tui.schema.form.FormModel`.

Nothing here is imported at the program's start.
"""
