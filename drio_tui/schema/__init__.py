"""JSON Schema for forms: references resolved, a description of each field, validation, and lossless editing.

Independent of the UI: `fields.SchemaReader` turns a schema (2020-12, as pydantic and OpenAPI 3.1 write it) into
`Field`s, `form.FormModel` holds the values of one form, `openapi.request_body` finds the schema of a request body in a
server's OpenAPI document. No JSON Schema library is needed, so that the base install does not depend on one.
"""
