-- wrk posts one fixed call: of a session (SESSION), or without one (MODERN). Where IDS
-- is set, each call has an id of its own, since real servers refuse one that is in use.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json, text/event-stream"
local params = '"name":"echo","arguments":{"text":"hi"}}}'
if os.getenv("MODERN") then
  wrk.headers["Mcp-Protocol-Version"] = "2026-07-28"
  wrk.headers["Mcp-Method"] = "tools/call"
  wrk.headers["Mcp-Name"] = "echo"
  params = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"mcpdiag","version":"1"}},' .. params
else
  wrk.headers["Mcp-Protocol-Version"] = "2025-11-25"
  wrk.headers["Mcp-Session-Id"] = os.getenv("SESSION") or "1"
end
local before, after = '{"jsonrpc":"2.0","id":', ',"method":"tools/call","params":{' .. params
wrk.body = before .. 2 .. after

if os.getenv("IDS") then
  local threads = 0
  function setup(thread)
    threads = threads + 1
    thread:set("id", threads * 100000000)
  end
  function request()
    id = id + 1
    return wrk.format(nil, nil, nil, before .. id .. after)
  end
end
