"""Operations from an OpenAPI 3.x document: read it, choose, plan what becomes of them, make it.

- `document.open_document(where)` gives a `Document`: what it offers (`operations`), its servers, its ways to sign in.
- `Document.plan(chosen, …)` gives a `Plan`: the bodies of integration, operations and tools, in order.
- `import_batch.batch(saver, app, plan)` carries it out. A caller with steps of its own reads `Plan.resources` instead.

Importing this package imports nothing.
"""
