-- The same request for a thousand tenants in turn, and one line of results.
local requests = {}
local sent = 0

function init(args)
  for tenant = 1, 1000 do
    requests[tenant] = wrk.format("GET", "/services/data/v67.0/limits", {
      ["Host"] = "127.0.0.1:" .. args[1],
      ["Accept"] = "application/json",
      ["User-Agent"] = "compare/1",
      ["Orgpass-Tenant"] = "t-" .. tenant,
    })
  end
end

function request()
  sent = sent % 1000 + 1
  return requests[sent]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status))
end
