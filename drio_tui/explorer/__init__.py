"""The API explorer: every operation of the connected server's own OpenAPI document.

- `server_api.open_server_api` finds and opens the document; a `ServerApi` lists, finds and describes operations.
- `calls.prepare` makes the request of an operation from values, `calls.send` sends any request.
- `paging.next_request` is the request of a response's next page.
- `commands` writes a request as a curl command and as `drio-tui api`.
"""
