local text, old = row_at(KEYS[1])
if text and not old then return {'corrupt status', false, false} end
if not old or not is_at(old, ARGV[1], ARGV[2]) then return {'changed', false, false} end
local head, state = cjson.decode(text).head, cjson.decode(ARGV[3])
head.status, head.cause = state.status, state.cause
local row = over(old, head)
owe(KEYS[1], old, row)
return {'set', write_row(KEYS[1], row), text}
