-- Brings the stream of revocations towards the head of the database. Any controller may run it at any
-- time: what does not follow is not appended, and what is not whole is begun anew.
--
-- KEYS: the stream, the marker.
-- ARGV: epoch, base, head or nothing, how many entries are too many, the number that the entries
-- follow, then number and revocation of each entry.
-- Returns the number of the last entry, or -1 where the stream belongs to a newer epoch.

local stream, marker = KEYS[1], KEYS[2]
local epoch, base, head, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local held = redis.call('HMGET', marker, 'epoch', 'base', 'last', 'count')
local ours, last, count = tonumber(held[1]), tonumber(held[3]), tonumber(held[4])

if ours and ours > tonumber(epoch) then
  return -1
end

local function text(number)
  return string.format('%.0f', number)
end

local function whole()
  if ours ~= tonumber(epoch) or not (held[2] and last and count) or count > most then
    return false
  end
  if redis.call('XLEN', stream) ~= count then
    return false
  end
  local newest = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  return count == 0 or newest[1] == text(last) .. '-0'
end

local time = redis.call('TIME')
if not whole() then
  redis.call('UNLINK', stream, marker)
  last, count, held[2] = base - 1, 0, text(base)
  redis.call('HSET', marker, 'epoch', epoch, 'base', held[2], 'last', text(last), 'count', 0,
    'built', time[1] .. '.' .. time[2])
end

if #ARGV > 5 and tonumber(ARGV[5]) == last then
  for i = 6, #ARGV, 2 do
    redis.call('XADD', stream, ARGV[i] .. '-0', 'epoch', epoch, 'after', text(last),
      'revocation', ARGV[i + 1])
    last, count = tonumber(ARGV[i]), count + 1
  end
  redis.call('HSET', marker, 'last', text(last), 'count', count)
end

if base > tonumber(held[2]) then
  count = count - redis.call('XTRIM', stream, 'MINID', text(base) .. '-0')
  redis.call('HSET', marker, 'base', text(base), 'count', count)
end

if last == head then
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  redis.call('HSET', marker, 'time', text(now), 'run', run)
end
return last
