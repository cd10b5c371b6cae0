local owner, epoch, number, attempt, fingerprint, replaces = unpack(ARGV)
if redis.call('GET', KEYS[2]) ~= owner then return {'lease lost', false, false} end
local text, row = row_at(KEYS[1])
if text and not row then return {'corrupt status', false, false} end
if not row or not is_at(row, epoch, number) then return {'changed', false, false} end
local open_text, open = intent_at(KEYS[3])
if open_text and not open then return {'corrupt intent', false, false} end
if open and open.attempt ~= attempt and open.attempt ~= replaces then return {'foreign', open_text, false} end
redis.call('SET', KEYS[3], cjson.encode({attempt = attempt, fingerprint = fingerprint, at = now()}))
return {'written', open_text or false, false}
