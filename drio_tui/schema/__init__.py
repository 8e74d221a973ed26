"""JSON Schema as a form needs it: resolved, described field by field, checked, and edited without loss.

Pure data, no terminal: `fields.Reader` turns a schema (2020-12, as pydantic and OpenAPI 3.1 write it)
into `Field`s, `form.FormModel` holds the values of one form, `openapi.request_body` finds the schema of a
request body in a server's document. The base install needs no JSON Schema library for any of it.
"""
