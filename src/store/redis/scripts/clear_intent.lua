local text, open = intent_at(KEYS[1])
if text and not open then return {'corrupt intent', false, false} end
if open and open.attempt == ARGV[1] then redis.call('DEL', KEYS[1]) end
return {'cleared', false, false}
