-- One node's ask of one key's token bucket: ends leases, lets time flow in, opens a lease. What it
-- computes is in gateway/src/limit/bucket.rs as well; gateway/vectors/lease.json binds the two.
-- A level is counted in units: `per` units to the token, `tokens` units gained a millisecond, so that
-- nothing is ever rounded; no number gets beyond 2^53.
--
-- KEYS: the bucket, the boot marker (the time from which this Redis remembers everything).
-- ARGV: tokens, per (ms), burst, holder, number of the lease to open, need, life (ms),
--       then pairs: number of a lease to close, its unused tokens.
-- Returns tokens granted and, if none were, the milliseconds to wait.

local rate, token, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local holder, opens = ARGV[4], 'l:' .. ARGV[4] .. ':' .. ARGV[5]
local need, life = tonumber(ARGV[6]), tonumber(ARGV[7])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function text(number)
  return string.format('%.0f', number)
end

-- What `units` become up to `now`, but no more than `cap`.
local function refilled(units, at, cap)
  local passed = math.max(0, now - at)
  if passed >= math.ceil(math.max(0, cap - units) / rate) then
    return cap
  end
  return units + passed * rate
end

-- 1. Read. Nothing is written before the end, so that a Redis that cannot write changes nothing.
local boot = redis.call('GET', KEYS[2])
local new_boot = not boot
boot = tonumber(boot or now)
local units, at
local leases, gone, out = {}, {}, 0
local stored = redis.call('HGETALL', KEYS[1])
if #stored == 0 then
  -- A missing key is full only if it would have been remembered.
  units, at = refilled(0, boot, burst * token), now
else
  local field = {}
  for i = 1, #stored, 2 do
    local name, value = stored[i], stored[i + 1]
    if string.sub(name, 1, 2) == 'l:' then
      local tokens, expires = string.match(value, '^(%d+):(%d+)$')
      tokens, expires = tonumber(tokens), tonumber(expires)
      if expires > now then
        leases[name] = { tokens = tokens, expires = expires }
        out = out + tokens
      else
        -- Nobody told what became of them: they count as spent.
        gone[#gone + 1] = name
      end
    else
      field[name] = tonumber(value)
    end
  end
  units, at = field.units, field.at
  if field.per ~= token then
    units = math.floor(units / field.per) * token
  end
  units = math.min(units, burst * token)
end

local function room()
  return math.max(0, burst - out) * token
end

-- 2. Time flows in; leases end, each at most once.
units = refilled(units, at, room())
for i = 8, #ARGV, 2 do
  local name = 'l:' .. holder .. ':' .. ARGV[i]
  local lease = leases[name]
  if lease then
    leases[name] = nil
    gone[#gone + 1] = name
    out = out - lease.tokens
    units = math.min(room(), units + math.min(tonumber(ARGV[i + 1]), lease.tokens) * token)
  end
end

-- 3. Grant what is needed, or this node's part of half of what is free if that is more.
local granted, wait = 0, 0
if need > 0 and not leases[opens] then
  local free = math.floor(units / token)
  if free > 0 then
    local holders, count = { [holder] = true }, 1
    for name in pairs(leases) do
      local other = string.match(name, '^l:(.*):%d+$')
      if not holders[other] then
        holders[other] = true
        count = count + 1
      end
    end
    granted = math.min(free, math.max(need, math.floor(free / (2 * count))))
    units = units - granted * token
  else
    wait = math.ceil(math.max(0, token - units) / rate)
    if room() < token then
      local first
      for _, lease in pairs(leases) do
        first = math.min(first or lease.expires, lease.expires)
      end
      if first then
        wait = first - now
      end
    end
  end
end

-- 4. Write. The key goes when it would be full and no lease could be left.
if new_boot then
  redis.call('SET', KEYS[2], text(boot))
end
local set = { 'units', text(units), 'at', text(now), 'per', text(token) }
if granted > 0 then
  set[#set + 1] = opens
  set[#set + 1] = text(granted) .. ':' .. text(now + life)
end
redis.call('HSET', KEYS[1], unpack(set))
if #gone > 0 then
  redis.call('HDEL', KEYS[1], unpack(gone))
end
local full_in = math.ceil((burst * token - units) / rate)
redis.call('PEXPIRE', KEYS[1], text(full_in + life + 1000))
return { granted, wait }
