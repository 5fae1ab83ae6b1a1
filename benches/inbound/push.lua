-- One record of about a kilobyte a call, each by a name of its own: `wrk -s push.lua URL -- PATH KEY`.
local pad, number, path, key = string.rep("x", 850), 0, "/", nil
local mark = tostring(os.time())

function init(words)
  path, key = words[1], words[2]
end

function request()
  number = number + 1
  local headers = { ["Content-Type"] = "application/json" }
  if key then
    headers["Authorization"] = "Bearer " .. key
    headers["Idempotency-Key"] = mark .. "-" .. number
  end
  local record = '{"account_ref":"7%09d","kind":"contact","resident":{"forename":"Arden","surname":"Testberry","email":"r%d@example.com"},"pad":"%s"}'
  return wrk.format("POST", path, headers, string.format(record, number, number, pad))
end
