"""Importing operations from an OpenAPI 3.x document: read it, select operations, plan the resources, create them.

- `document.open_document(where)` returns a `Document` with its operations, servers and security schemes.
- `Document.plan(chosen, …)` returns a `Plan`: the bodies of integration, operations and tools, in order.
- `import_steps.import_steps(plan)` returns the steps that carry it out; the wizard adds `Plan.resources` to its draft
  instead.

Importing this package imports none of its modules.
"""
